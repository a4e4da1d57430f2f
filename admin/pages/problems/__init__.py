"""Page *Masalah*: root causes of what is not sent, and the list of one of them on paper."""
