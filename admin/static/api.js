// The documentation of the API, from /schema. Only reading can be tried out: a record that is handed in here would be sent.
(() => {
  const root = document.documentElement;
  const follow = () => root.classList.toggle("dark-mode", root.dataset.bsTheme === "dark");
  new MutationObserver(follow).observe(root, { attributeFilter: ["data-bs-theme"] });
  follow();
  SwaggerUIBundle({
    url: "/schema",
    domNode: document.getElementById("api"),
    deepLinking: true,
    defaultModelsExpandDepth: -1,
    docExpansion: "list",
    supportedSubmitMethods: ["get"],
    validatorUrl: null, // it would ask another host
  });
})();
