"""Studies: one scenario run many times under other assumptions, and what that says."""
