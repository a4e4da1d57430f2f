"""Ways to send an alert to people: e-mail, Telegram, webhook."""
