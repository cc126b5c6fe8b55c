// The sign-in page changes its language at once; without this script, with the next click on "Log in".
document.addEventListener("DOMContentLoaded", () => {
  const choice = document.querySelector('select[name="language"]');
  if (!choice) return;
  choice.addEventListener("change", () => {
    const secure = location.protocol === "https:" ? "; secure" : "";
    document.cookie = `django_language=${choice.value}; path=/; max-age=31536000; samesite=lax${secure}`;
    location.reload();
  });
});
