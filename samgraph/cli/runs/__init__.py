"""Commands that make a run or ask one."""
