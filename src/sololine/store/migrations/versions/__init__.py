"""One file a revision, numbered; none is changed once it was released."""
