"""Colour splash of photos and videos: colour (the picture), look (what is drawn on it), targets (where it goes)."""
