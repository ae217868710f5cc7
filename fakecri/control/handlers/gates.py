"""Gates: who waits at them, and until when."""
