"""`python -m admin`, the same as the command `antar`."""

from admin.cli import main

if __name__ == "__main__":
    main()
