"""The panel, the HTTP interface and the command line.

A request passes http (rights, limits, errors) to api, pages, settings or inbound; people and text are what all of them
use; commands start the processes.
"""
