"""What is found here, what is missing, and what to type: `dfb-ext doctor`."""
