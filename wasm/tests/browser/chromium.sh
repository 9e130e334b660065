# To be sourced: names the browser in CHROMIUM and its driver in CHROMEDRIVER, and installs them where that is allowed.
# Both stay empty where they cannot be had; a browser without its driver is possible.
find_chromium() {
  CHROMIUM=${CHROMIUM:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)}
  CHROMEDRIVER=${CHROMEDRIVER:-$(command -v chromedriver || true)}
}

find_chromium
if [ -z "$CHROMIUM" ] || [ -z "$CHROMEDRIVER" ]; then
  if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    # The driver fits no browser but the one that it comes with.
    apt-get update -qq && apt-get install -y -qq chromium chromium-driver || true
    find_chromium
  fi
fi
export CHROMIUM CHROMEDRIVER

# What a browser needs that runs as root and on a machine of its own, and asks nobody else for anything.
CHROMIUM_FLAGS=(
  --headless --no-sandbox --disable-gpu --disable-quic --no-first-run
  --disable-background-networking --disable-component-update --disable-sync
)
