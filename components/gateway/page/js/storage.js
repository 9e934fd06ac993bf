// Private windows and strict settings forbid storage; the page then forgets and works.

const read = (store, name) => {
  try {
    return store().getItem(`lodestar.${name}`);
  } catch {
    return null;
  }
};

const write = (store, name, value) => {
  try {
    if (value === null) store().removeItem(`lodestar.${name}`);
    else store().setItem(`lodestar.${name}`, value);
  } catch {
    // Nothing to do: see above.
  }
};

const local = () => localStorage;
const session = () => sessionStorage;

export const remember = (name, value) => write(local, name, value);
export const recall = (name) => read(local, name);
export const rememberInTab = (name, value) => write(session, name, value);
export const recallInTab = (name) => read(session, name);
