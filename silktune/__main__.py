"""`silktune` and `python -m silktune`."""

from silktune.cli.app import main

if __name__ == "__main__":
    main()
