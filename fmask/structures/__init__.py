"""The nouns that all other folders speak: annotations and detections."""
