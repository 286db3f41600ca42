"""`python -m console` is `shutong`: the supervisor starts its children this way, whatever is on the PATH."""

from console.cli import main

if __name__ == "__main__":
    main()
