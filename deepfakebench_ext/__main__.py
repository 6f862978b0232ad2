"""`python -m deepfakebench_ext`: `dfb-ext` for programs that start modules, such as torchrun."""

from deepfakebench_ext.cli.main import main

if __name__ == "__main__":
    main()
