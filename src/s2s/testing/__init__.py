"""What authors of engines and of applications test with."""
