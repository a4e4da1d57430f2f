"""*Pengaturan*: SQLAdmin at /admin, in our look, with our rights and our words."""
