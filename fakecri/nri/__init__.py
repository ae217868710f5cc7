"""Plugins of NRI: objects of the test (`objects`), and programs that connect."""
