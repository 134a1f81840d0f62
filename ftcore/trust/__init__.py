"""May an answer be believed? Explanations, label errors, what noise costs, bias and its mitigation."""
