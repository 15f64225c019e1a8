"""Behind `onNewImage`: a build's message in, a Deployment patched, watched, restored."""
