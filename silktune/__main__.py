"""`silktune` and `python -m silktune`."""

from silktune.cli.process import main

if __name__ == "__main__":
    main()
