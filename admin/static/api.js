// The documentation of the API, from /schema. Only reading can be tried out: a record that is handed in here would be sent.
(() => {
  const root = document.documentElement;
  const follow = () => root.classList.toggle("dark-mode", root.dataset.bsTheme === "dark");
  new MutationObserver(follow).observe(root, { attributeFilter: ["data-bs-theme"] });
  follow();
  // Its link inside the button of an operation would be a second control in one; the button itself sets the address.
  const plainNames = {
    wrapComponents: { DeepLink: (_, system) => ({ text }) => system.React.createElement("span", { className: "nostyle" }, text) },
  };
  SwaggerUIBundle({
    url: "/schema",
    domNode: document.getElementById("api"),
    deepLinking: true,
    plugins: [plainNames],
    defaultModelsExpandDepth: -1,
    docExpansion: "list",
    supportedSubmitMethods: ["get"],
    validatorUrl: null, // it would ask another host
  });
})();
