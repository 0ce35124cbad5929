// What the page's JavaScript is held to; prettier says how it is laid out.
import js from "@eslint/js";

const names = (...list) => Object.fromEntries(list.map((name) => [name, "readonly"]));
const browser = names(
  ...["Blob", "Image", "ResizeObserver", "TextEncoder", "URL", "URLSearchParams", "XMLSerializer"],
  ...["addEventListener", "clearTimeout", "document", "getComputedStyle", "innerHeight", "innerWidth"],
  ...["localStorage", "location", "matchMedia", "navigator", "open", "print", "setTimeout"],
);

export default [
  { ignores: [".venv*/", ".local/", "dbt/"] },
  js.configs.recommended,
  {
    languageOptions: { ecmaVersion: 2022 },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: {
      complexity: ["error", 12],
      eqeqeq: "error",
      "max-lines-per-function": ["error", { max: 40, skipBlankLines: true, skipComments: true }],
      "no-implicit-globals": "error",
      "no-shadow": ["error", { builtinGlobals: false }],
      "no-use-before-define": ["error", { functions: false, variables: false }],
      "no-var": "error",
      "object-shorthand": "error",
      "prefer-const": "error",
      "no-restricted-syntax": [
        "error",
        // The page allows no script and no markup but its own: see Python's page.py.
        {
          selector: "MemberExpression[property.name=/^(innerHTML|outerHTML|insertAdjacentHTML)$/]",
          message: "Text is only ever text: use make().",
        },
      ],
    },
  },
  { files: ["blocks/**/*.js"], languageOptions: { globals: browser } },
  { files: ["tests/**/*.{js,mjs}"], languageOptions: { globals: names("URL", "process") } },
];
