window.onload = () => {
  window.ui = SwaggerUIBundle({
    dom_id: "#swagger-ui",
    // As the page at /docs/ finds it, wherever a root path has moved both.
    url: "../openapi.json",
    deepLinking: true,
    // No address goes to a service that judges documents.
    validatorUrl: null,
    layout: "StandaloneLayout",
    presets: [SwaggerUIBundle.presets.apis, SwaggerUIStandalonePreset],
    plugins: [SwaggerUIBundle.plugins.DownloadUrl],
  });
};
