// Searches leave empty fields out of the address: <form data-lean>.

export function leanForms() {
  document.addEventListener("formdata", (event) => {
    if (!event.target.matches("[data-lean]")) return;
    for (const [name, value] of [...event.formData]) {
      if (value === "") event.formData.delete(name);
    }
  });
}
