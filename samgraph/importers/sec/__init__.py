"""The SEC's Financial Statement Data Sets as a dataset: dated revenue by product of U.S. filers."""
