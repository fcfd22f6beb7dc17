// Before anything is drawn: the theme that was chosen here last.
const chosen = localStorage.getItem("bcore.theme");
if (chosen === "dark" || chosen === "light") document.documentElement.dataset.theme = chosen;
