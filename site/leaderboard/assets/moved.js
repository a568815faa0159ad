// @ts-check
// Of the page that says that there is none: rows have pages while they are among the newest, and
// proofs for good.
const moved = /^(.*\/)r\/([0-9a-f]{64})\//.exec(location.pathname);
if (moved) location.replace(`${moved[1]}verify/?statement=${moved[2]}`);
