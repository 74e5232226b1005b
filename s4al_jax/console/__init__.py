"""Terminal output: plain lines, a live panel of a run's progress, and how numbers are printed."""
