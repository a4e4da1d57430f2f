"""The ways to tell people something: e-mail, Telegram, webhook."""
