"""Mobile JKN's calls on the wire: routes and messages."""
