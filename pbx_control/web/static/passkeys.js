// Passkeys: asks the server what is to be made or signed, has the browser do it, and sends the form with the answer.

const able = Boolean(window.PublicKeyCredential?.parseCreationOptionsFromJSON);
for (const one of document.querySelectorAll("[data-with-passkeys]")) one.hidden = !able;
for (const one of document.querySelectorAll("[data-without-passkeys]")) one.hidden = able;

const ways = {
  make: (options) => navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(options) }),
  sign: (options) => navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(options) }),
};

function say(form, what) {
  const problem = form.querySelector("[data-problem]");
  problem.textContent = what;
  problem.hidden = !what;
}

async function ask(form) {
  const answer = await fetch(form.dataset.ask, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/json" } });
  if (answer.redirected) location.assign(answer.url);
  const told = await answer.json();
  if (!answer.ok) throw new Error(told.what);
  return told;
}

async function proceed(form) {
  say(form, "");
  let options;
  try {
    options = await ask(form);
  } catch (error) {
    return say(form, error instanceof SyntaxError || error instanceof TypeError ? form.dataset.failed : error.message);
  }
  try {
    form.elements.answer.value = JSON.stringify((await ways[form.dataset.passkey](options)).toJSON());
  } catch {
    return say(form, form.dataset.failed); // cancelled, too late, or the passkey is here already
  }
  if (form.elements.password) form.elements.password.value = ""; // it has been shown
  form.submit();
}

for (const form of document.querySelectorAll("form[data-passkey]")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    proceed(form).finally(() => (button.disabled = false));
  });
}
