"""Ways to send an alert to people: e-mail, WhatsApp, Telegram, webhook."""
