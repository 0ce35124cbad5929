"""One flow a stage, and the parent in main.py. No vendor SDK, no SQL, no environment reads."""
