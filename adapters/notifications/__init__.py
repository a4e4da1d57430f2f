"""Ways to tell a person of an alert: e-mail, Telegram, webhook."""
