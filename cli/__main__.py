"""`python -m cli` is `watchkeeper`."""

from cli.main import main

if __name__ == "__main__":
    main()
