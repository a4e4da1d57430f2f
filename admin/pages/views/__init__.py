"""*Tampilan tersimpan*: lists with their filter under a name."""
