/** The page of a hub, or that of a federation: as the document says. Each loads its own code and the framework. */
const isFederation = document.querySelector('rxf-federation') !== null;
const { start } = await (isFederation ? import('./federation/start') : import('./app/start'));
await start();

export {};
