// Listens in the browser, also when no page is open. It only shows what the shop encrypted for
// this browser, and opens the order's page.

self.addEventListener("push", (event) => {
  const told = event.data?.json();
  if (!told) return;
  event.waitUntil(
    self.registration.showNotification(told.title, {
      body: told.body,
      tag: told.tag,
      icon: "/static/favicon.svg",
      data: { url: told.url },
    }),
  );
});

self.addEventListener("notificationclick", (event) => {
  event.notification.close();
  const url = new URL(event.notification.data.url);
  // The shop may be reached under another name than the one it puts into its mails.
  if (url.origin === self.location.origin) event.waitUntil(self.clients.openWindow(url.href));
});
