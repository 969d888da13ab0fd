"""The Spanish of every line that the commands say, looked up by its English template.

A test reads the templates out of the source and fails for one that is missing here. Each group of commands has
its own section, so that people who work on different groups do not edit the same lines.
"""

SPANISH: dict[str, str] = {
    # --- common
    "nothing to show": "nada que mostrar",
    # --- asterisk
    "working": "trabajando",
    "starting Asterisk": "iniciando Asterisk",
    "stopping Asterisk": "deteniendo Asterisk",
    "Asterisk answers": "Asterisk responde",
    "Asterisk runs already": "Asterisk ya está en marcha",
    "Asterisk has stopped": "Asterisk se detuvo",
    "Asterisk did not run": "Asterisk no estaba en marcha",
    "Asterisk does not run": "Asterisk no está en marcha",
    "Asterisk {version} ({runtime}, process {pid}) has run for {time} and has {channels} channels": (
        "Asterisk {version} ({runtime}, proceso {pid}) está en marcha desde hace {time} y tiene {channels} canales"
    ),
    "Asterisk answers ({runtime})": "Asterisk responde ({runtime})",
    "Asterisk runs (process {pid}) but does not answer": "Asterisk está en marcha (proceso {pid}) pero no responde",
    "making a Debian root file system with Asterisk (once, about a minute)": (
        "creando un sistema de archivos Debian con Asterisk (una sola vez, cerca de un minuto)"
    ),
    "building the container image of Asterisk (once, some minutes)": (
        "construyendo la imagen de contenedor de Asterisk (una sola vez, algunos minutos)"
    ),
    "Asterisk has no configuration yet ({file} is missing): run `pbx-control setup`": (
        "Asterisk aún no tiene configuración (falta {file}): ejecute `pbx-control setup`"
    ),
    "the path {path} is too long for a UNIX socket (107 bytes): use a home with a shorter path": (
        "la ruta {path} es demasiado larga para un socket UNIX (107 bytes): use una carpeta con ruta más corta"
    ),
    "{port} is taken by {owner}: stop that, or choose another port ({setting})": (
        "{port} está ocupado por {owner}: deténgalo o elija otro puerto ({setting})"
    ),
    "nothing can listen on {port}: {why}; correct {setting}": (
        "no se puede escuchar en {port}: {why}; corrija {setting}"
    ),
    "Asterisk does not answer on its console ({path}: {why}): see `pbx-control asterisk status`": (
        "Asterisk no responde en su consola ({path}: {why}): vea `pbx-control asterisk status`"
    ),
    "no Asterisk can be run here: install one, or the packages for making one: apt-get install {packages}": (
        "aquí no se puede ejecutar Asterisk: instale uno, o lo necesario para crearlo: apt-get install {packages}"
    ),
    "{path} cannot be used by the Asterisk of ours: choose a folder elsewhere": (
        "nuestro Asterisk no puede usar {path}: elija una carpeta en otro lugar"
    ),
    "the root file system for Asterisk could not be made: {why}; see that the machine reaches a Debian mirror": (
        "no se pudo crear el sistema de archivos para Asterisk: {why}; revise que se llegue a un espejo de Debian"
    ),
    "{command} failed: {why}": "{command} falló: {why}",
    "Asterisk runs already: stop it first with `pbx-control asterisk stop`": (
        "Asterisk ya está en marcha: deténgalo antes con `pbx-control asterisk stop`"
    ),
    "this Asterisk is not run by us ([asterisk] runtime = external): use its own console": (
        "este Asterisk no lo ejecutamos nosotros ([asterisk] runtime = external): use su propia consola"
    ),
    "Asterisk does not run: start it with `pbx-control asterisk start`": (
        "Asterisk no está en marcha: inícielo con `pbx-control asterisk start`"
    ),
    "[asterisk] runtime = external: start that Asterisk where it is installed": (
        "[asterisk] runtime = external: inicie ese Asterisk donde está instalado"
    ),
    "Asterisk ended at once: {why}": "Asterisk terminó de inmediato: {why}",
    "Asterisk did not answer within {limit} s: {why}": "Asterisk no respondió en {limit} s: {why}",
    "this machine's asterisk ({found}) is absent or too old: 22.4, 21.9 or 20.14 is the oldest that serves; "
    "set [asterisk] runtime = auto for one of ours": (
        "el asterisk de este equipo ({found}) falta o es muy antiguo: sirve desde 22.4, 21.9 o 20.14; "
        "ponga [asterisk] runtime = auto para usar uno nuestro"
    ),
    "no container engine runs here: start docker, or set [asterisk] runtime = auto": (
        "aquí no hay un motor de contenedores en marcha: inicie docker o ponga [asterisk] runtime = auto"
    ),
    # --- message
    "there is no message {id}: `pbx-control message list` shows them": (
        "no hay ningún mensaje {id}: `pbx-control message list` los muestra"
    ),
    "message {id} is due at once: the running daemon sends it within seconds": (
        "el mensaje {id} sale de inmediato: el demonio en marcha lo envía en segundos"
    ),
    "waiting": "en espera",
    "delivered": "entregado",
    "given up": "abandonado",
    "id": "id",
    "written": "escrito",
    "client": "cliente",
    "channel": "canal",
    "address": "dirección",
    "state": "estado",
    "attempts": "intentos",
    "next_try": "próximo intento",
    "subject": "asunto",
    "last_error": "último error",
    "call": "llamada",
    "message_id": "Message-ID",
    "attachment": "adjunto",
}
