"""What decides: pure values and functions, no clock, no I/O, nothing asynchronous."""
