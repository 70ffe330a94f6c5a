"""The running side: one line for each session that this process keeps."""
