/**
 * Light, dark, or as the system says. Loaded before the first paint, so that the page never flashes
 * in the wrong colours; the choice stays in this browser.
 */
const KEY = "camd.theme";
const CHOICES = { auto: "Theme: as the system", light: "Theme: light", dark: "Theme: dark" };

function stored() {
  try {
    return localStorage.getItem(KEY) in CHOICES ? localStorage.getItem(KEY) : "auto";
  } catch {
    return "auto"; // storage may be forbidden; the page works without memory
  }
}

function apply(choice) {
  const root = document.documentElement;
  if (choice === "auto") delete root.dataset.theme;
  else root.dataset.theme = choice;
}

/** Make `button` step through the choices. */
export function bindTheme(button) {
  let choice = stored();
  const show = () => {
    button.dataset.choice = choice;
    button.title = CHOICES[choice];
    button.querySelector("[data-part=label]").textContent = CHOICES[choice];
  };
  button.addEventListener("click", () => {
    const names = Object.keys(CHOICES);
    choice = names[(names.indexOf(choice) + 1) % names.length];
    try {
      localStorage.setItem(KEY, choice);
    } catch {
      // as above
    }
    apply(choice);
    show();
  });
  show();
}

apply(stored());
