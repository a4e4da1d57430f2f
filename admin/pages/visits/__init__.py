"""Pages about patients, visits and days: what of them has been sent, and what is lacking."""
