"""Random changes of training samples: views and colours, imgaug augmenters, and copy-paste."""
