import asyncio

# On Python 3.11 pytest-asyncio would otherwise make a loop here that nobody closes, and the
# warning about it is an error.
asyncio.set_event_loop(None)
