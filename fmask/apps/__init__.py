"""What people point a trained model at: photos, videos and cameras."""
