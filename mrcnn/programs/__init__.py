"""The forms in which a network runs, behind one protocol; the detector knows no framework."""
