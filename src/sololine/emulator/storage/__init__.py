"""What outlives the process: accounts and devices, state of phones, media."""
