window.onload = () => {
  window.ui = SwaggerUIBundle({
    dom_id: "#swagger-ui",
    // As the page at /redoc finds it, wherever a root path has moved both.
    url: "openapi.json",
    deepLinking: true,
    // No address goes to a service that judges documents.
    validatorUrl: null,
    // This page is to read.
    supportedSubmitMethods: [],
    docExpansion: "none",
    defaultModelsExpandDepth: 0,
  });
};
