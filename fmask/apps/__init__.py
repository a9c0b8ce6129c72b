"""Applications of a trained model to photos, videos and cameras."""
