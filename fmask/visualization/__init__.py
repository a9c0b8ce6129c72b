"""Drawing: colours, boxes with labels, and the colour splash effect."""
