"""What the detector learns from: pictures, scenes, label maps."""
