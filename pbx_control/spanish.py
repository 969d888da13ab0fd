"""The Spanish of every line that the commands say, looked up by its English template.

A test reads the templates out of the source and fails for one that is missing here. Each group of commands has
its own section, so that people who work on different groups do not edit the same lines.
"""

from pbx_control.spanish_reasons import REASONS

SPANISH: dict[str, str] = REASONS | {
    # --- common
    "nothing to show": "nada que mostrar",
    "no daemon runs for {home}: pbx-control run": "no hay ningún daemon en marcha para {home}: pbx-control run",
    "{why}; waiting for it": "{why}; se lo espera",
    # --- asterisk
    "working": "trabajando",
    "looking": "revisando",
    "starting Asterisk": "iniciando Asterisk",
    "stopping Asterisk": "deteniendo Asterisk",
    "stopping Asterisk: all calls end": "deteniendo Asterisk: se cortan todas las llamadas",
    "Asterisk answers again; all calls have ended": "Asterisk responde de nuevo; se cortaron todas las llamadas",
    "systemd runs this Asterisk: systemctl restart {unit}": "systemd maneja este Asterisk: systemctl restart {unit}",
    "Asterisk answers": "Asterisk responde",
    "Asterisk runs already": "Asterisk ya está en marcha",
    "Asterisk can be started ({runtime})": "Asterisk se puede iniciar ({runtime})",
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
    "Asterisk's root file system cannot be made: an ordinary user needs subordinate ids for that; as root: "
    "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}": (
        "no se puede crear el sistema de archivos para Asterisk: un usuario común necesita subuids; como root: "
        "usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}"
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
    "Asterisk (user {uid}) may not enter {folder}: choose a home elsewhere, for example below /srv": (
        "Asterisk (usuario {uid}) no puede entrar en {folder}: elija una carpeta en otro lugar, por ejemplo bajo /srv"
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
    "{address} cannot be written to: {why}": "no se puede escribir a {address}: {why}",
    "the setting mail.sender is wrong: {sender} is no e-mail address; mend it in pbx.toml": (
        "el ajuste mail.sender está mal: {sender} no es una dirección de correo; corríjalo en pbx.toml"
    ),
    "the mail server answered {code} {answer}": "el servidor de correo respondió {code} {answer}",
    "the mail server cannot be used: {why}": "no se puede usar el servidor de correo: {why}",
    "the letter cannot be sent: {why}": "no se puede enviar el mensaje: {why}",
    "there is no Telegram bot: set [telegram] token in pbx.toml": (
        "no hay bot de Telegram: ponga [telegram] token en pbx.toml"
    ),
    "Telegram asks to wait {seconds} s": "Telegram pide esperar {seconds} s",
    "Telegram does not know the bot: mend [telegram] token in pbx.toml": (
        "Telegram no conoce el bot: corrija [telegram] token en pbx.toml"
    ),
    "Telegram answered: {why}": "Telegram respondió: {why}",
    "not delivered within {seconds} s": "sin entregar en {seconds} s",
    "{error}: this is a fault of the software, see its log": "{error}: es una falla del programa, vea su registro",
    "messages that are due at once: {count}; the running daemon sends them within seconds": (
        "mensajes que salen de inmediato: {count}; pbx-control, si está en marcha, los envía en segundos"
    ),
    "there is nothing to send again": "no hay nada que enviar de nuevo",
    "waiting for the mail server": "esperando al servidor de correo",
    "{place} has taken the letter for {address}: look there, among the junk, too": (
        "{place} recibió el mensaje para {address}: vea si llegó, también en el correo no deseado"
    ),
    "failing_since": "no llega desde",
    "the mail server takes letters of at most {most} bytes, this one has {size}": (
        "el servidor de correo recibe mensajes de a lo más {most} bytes, y este tiene {size}"
    ),
    "the file {name} is too large for a letter": "el archivo {name} es demasiado grande para un mensaje",
    "the group is now the supergroup {chat}": "el grupo es ahora el supergrupo {chat}",
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
    # --- common
    "{file} cannot be used: {why}; see to the folder's rights and to the disk's room": (
        "no se puede usar {file}: {why}; revise los permisos de la carpeta y el espacio en disco"
    ),
    "somebody else has just changed the same thing: look at it and try again": (
        "otra persona acaba de cambiar lo mismo: revíselo e intente de nuevo"
    ),
    "what was typed is no text in UTF-8: type it anew": "lo escrito no es texto en UTF-8: escríbalo de nuevo",
    "the home {root} cannot be used: its path may hold only letters, digits and / . _ + @ -": (
        "no se puede usar la carpeta {root}: su ruta solo puede tener letras, dígitos y / . _ + @ -"
    ),
    "the home {home} is {user}'s: run it as that user: runuser -u {user} -- pbx-control …": (
        "la carpeta {home} es de {user}: ejecútelo como ese usuario: runuser -u {user} -- pbx-control …"
    ),
    "there is no {file}: run `pbx-control setup` first, or name the home with --home": (
        "no existe {file}: ejecute primero `pbx-control setup`, o indique la carpeta con --home"
    ),
    "{file} cannot be read: {why}": "no se puede leer {file}: {why}",
    "the setting {key} is wrong: {why}; mend it in {file} or in the environment": (
        "el ajuste {key} está mal: {why}; corríjalo en {file} o en el entorno"
    ),
    "there is no such setting": "no existe ese ajuste",
    "must be a table, [like this]": "debe ser una tabla, [así]",
    "must be a text, in quotes": "debe ser un texto, entre comillas",
    "must be a list of texts": "debe ser una lista de textos",
    "must be a port, from 1 to 65535": "debe ser un puerto, del 1 al 65535",
    "must be ADDRESS:PORT, for example 0.0.0.0:5060": "debe ser DIRECCIÓN:PUERTO, por ejemplo 0.0.0.0:5060",
    "must be ADDRESS:PORT, for example 0.0.0.0:5061, or empty": (
        "debe ser DIRECCIÓN:PUERTO, por ejemplo 0.0.0.0:5061, o vacío"
    ),
    "must be LOW-HIGH, for example 10000-20000": "debe ser MENOR-MAYOR, por ejemplo 10000-20000",
    "must be an e-mail address, or empty": "debe ser una dirección de correo, o estar vacío",
    "must be a time zone of the IANA list, for example America/Santiago": (
        "debe ser una zona horaria de la lista de la IANA, por ejemplo America/Santiago"
    ),
    "must be a RUT, for example 76.086.428-5, or empty": "debe ser un RUT, por ejemplo 76.086.428-5, o estar vacío",
    "must be numbers of calls, for example 25,50,100": "deben ser cantidades de llamadas, por ejemplo 25,50,100",
    "must be a number of seconds, from 10 to 600": "debe ser una cantidad de segundos, de 10 a 600",
    "must be a number from 1 to 100": "debe ser un número del 1 al 100",
    "must be a whole number, 0 or more": "debe ser un número entero, 0 o más",
    "must be a whole number, 1 or more": "debe ser un número entero, 1 o más",
    "must be auto, system, container, rootfs or external": "debe ser auto, system, container, rootfs o external",
    "must be none, starttls or tls": "debe ser none, starttls o tls",
    "must be es or en": "debe ser es o en",
    "{file} is not valid TOML: {why}": "{file} no es TOML válido: {why}",
    "the database cannot be used: {why}; see that it runs and that its disk has room": (
        "no se puede usar la base de datos: {why}; revise que esté en marcha y que su disco tenga espacio"
    ),
    "the database lacks tables of this version ({why}): run `pbx-control setup`, which brings it up to date": (
        "a la base de datos le faltan tablas de esta versión ({why}): ejecute `pbx-control setup`, que la actualiza"
    ),
    # --- setup and status
    "the home {home} is ready": "la carpeta {home} está lista",
    "{home} is no empty folder (there is {strange} in it): name another with --home": (
        "{home} no es una carpeta vacía (contiene {strange}): indique otra con --home"
    ),
    "speaking the prompts": "grabando los avisos",
    "daemon": "pbx-control",
    "asterisk": "asterisk",
    "database": "base de datos",
    "ready": "listo",
    "not ready": "no está listo",
    "not running": "detenido",
    "pid": "proceso",
    "runtime": "entorno",
    "version": "versión",
    "channels": "canales",
    "kind": "tipo",
    "live_calls": "llamadas en curso",
    "why": "motivo",
    "unknown": "no se sabe",
    "reached": "responde",
    "away": "ausente",
    "registered": "registrada",
    "rejected": "rechazada",
    "unregistered": "sin respuesta",
    "email": "correo",
    "telegram": "Telegram",
    "house": "de la casa",
    "none": "ninguno",
    "audio": "archivo propio",
    # --- headings of lists
    "slug": "cliente",
    "name": "nombre",
    "number": "número",
    "language": "idioma",
    "week": "horario",
    "timezone": "zona horaria",
    "rut": "RUT",
    "recording": "grabación",
    "music": "música",
    "wait_limit": "espera máxima",
    "repeat_within": "repetida si vuelve antes de",
    "short_call": "tras conversación menor a",
    "active": "activo",
    "suspended": "suspendido",
    "summary_closed": "avisa llamadas fuera de horario",
    "takes_messages": "toma mensajes",
    "calls_out_at_once": "llamadas a contactos a la vez",
    "calls_out_a_day": "llamadas a contactos al día",
    "created_at": "creado",
    "numbers": "números",
    "recipients": "destinatarios",
    "contacts": "contactos",
    "calls": "llamadas",
    "country": "país",
    "area": "área",
    "trunk": "troncal",
    "main": "principal",
    "free_from": "libre desde",
    "match": "direcciones",
    "hour": "hora",
    "source": "dirección",
    "reason": "motivo",
    "count": "veces",
    "mend": "qué hacer",
    "host": "servidor",
    "user": "usuario",
    "register": "registro",
    "registration": "registro",
    "telephone": "teléfono",
    "transport": "transporte",
    "codecs": "códecs",
    "max_calls": "máximo de llamadas",
    "early_media": "audio previo",
    "languages": "idiomas",
    "clients": "clientes",
    "paused": "en pausa",
    "paused_why": "motivo de la pausa",
    "paused_at": "en pausa desde",
    "forwarded_at": "desvió por última vez",
    "refusals": "rechazos seguidos",
    "wrap_up": "pausa tras la llamada (s)",
    "secure": "cifrado",
    "key": "tecla",
    "then_number": "luego",
    "department": "departamento",
    "day": "día",
    "closed": "cerrado",
    "text": "texto",
    "origin": "origen",
    "sound": "audio",
    "since": "desde",
    "asked_by": "a pedido de",
    # --- clients
    "client {slug} added; next: `did assign NUMBER {slug}`": (
        "cliente {slug} agregado; ahora: `did assign NÚMERO {slug}`"
    ),
    "client {slug} changed": "cliente {slug} modificado",
    "client {slug} suspended": "cliente {slug} suspendido",
    "client {slug} resumed": "cliente {slug} reactivado",
    "client {slug} cancelled; released: {numbers}": "cliente {slug} dado de baja; números liberados: {numbers}",
    "there is no client {slug}: `client list` shows all": (
        "no existe el cliente {slug}: `client list` los muestra todos"
    ),
    "there is no client {slug}: did you mean {near}?": "no existe el cliente {slug}: ¿quiso decir {near}?",
    "there is a client {slug} already: choose another short name": (
        "ya existe el cliente {slug}: elija otro nombre corto"
    ),
    "nothing to change was given: name an option, such as --name; --help lists them": (
        "no se indicó nada que cambiar: dé una opción, como --name; --help las muestra"
    ),
    "the client {slug} is {state}: nothing to do": "el cliente {slug} está {state}: no hay nada que hacer",
    "the client has cancelled: `client resume` it before it gets a number": (
        "el cliente está dado de baja: use `client resume` antes de darle un número"
    ),
    # --- going live, invoices' data, cancelling
    "client {slug} has paid: welcome it by {welcome}, answer its calls by {service}": (
        "el cliente {slug} pagó: dele la bienvenida a más tardar el {welcome} y conteste sus llamadas a más tardar el "
        "{service}"
    ),
    "client {slug} is welcomed and has a letter about {number}; answer its calls by {service}": (
        "el cliente {slug} tiene su bienvenida y una carta sobre el {number}; conteste sus llamadas a más tardar el "
        "{service}"
    ),
    "client {slug} is live, in time": "el cliente {slug} está en servicio, dentro del plazo",
    "client {slug} is live; it was due at {service}": (
        "el cliente {slug} está en servicio; el plazo venció el {service}"
    ),
    "client {slug} resumed; still to do: {commands}": "cliente {slug} reactivado; falta hacer: {commands}",
    "the client {slug} is not ready, first do: {commands}": "el cliente {slug} no está listo, falta hacer: {commands}",
    "--at {at} is still to come or over a month ago: write when it happened, like {example}": (
        "--at {at} aún no llega o fue hace más de un mes: escriba cuándo ocurrió, como {example}"
    ),
    "the client {slug} has been welcomed already: nothing to do": (
        "el cliente {slug} ya recibió la bienvenida: no hay nada que hacer"
    ),
    "the client {slug} is live already: nothing to do": "el cliente {slug} ya está en servicio: no hay nada que hacer",
    "the client {slug} has not been welcomed yet: `client welcomed {slug}` comes first": (
        "el cliente {slug} aún no recibe la bienvenida: antes va `client welcomed {slug}`"
    ),
    "a welcome before the payment ({paid:%Y-%m-%d %H:%M} UTC) cannot be": (
        "no puede haber bienvenida antes del pago ({paid:%Y-%m-%d %H:%M} UTC)"
    ),
    "answered calls before the welcome ({welcomed:%Y-%m-%d %H:%M} UTC) cannot be": (
        "no puede haber llamadas contestadas antes de la bienvenida ({welcomed:%Y-%m-%d %H:%M} UTC)"
    ),
    "no payment of {slug} is noted: `client paid {slug}` comes first": (
        "no hay un pago de {slug} anotado: antes va `client paid {slug}`"
    ),
    "the client {slug} has cancelled: `client resume {slug}` it first": (
        "el cliente {slug} está dado de baja: use antes `client resume {slug}`"
    ),
    "the payment of {slug} is noted already: `client list --onboarding` shows what it waits for": (
        "el pago de {slug} ya está anotado: `client list --onboarding` muestra qué falta"
    ),
    "a factura needs {lacking} too: give what lacks, or --invoice-as boleta": (
        "para factura también se necesita {lacking}: indique lo que falta, o --invoice-as boleta"
    ),
    "the plan {plan} has no recording: assign one that has it, or leave --recording out": (
        "el plan {plan} no incluye grabación: asigne uno que la tenga, o no use --recording"
    ),
    "the plan {plan} has room for {limit} contacts and the client has {count}: remove one, or assign a larger plan": (
        "el plan {plan} permite {limit} contactos y el cliente tiene {count}: quite uno, o asigne un plan mayor"
    ),
    "paid_at": "pagado",
    "welcome": "bienvenida",
    "service": "servicio",
    "by": "hasta",
    "done in time": "hecho a tiempo",
    "done, but late": "hecho, con atraso",
    "late by {minutes} min": "atrasado {minutes} min",
    "soon late: {minutes} min left": "por vencer: quedan {minutes} min",
    "{minutes} min left": "quedan {minutes} min",
    "legal_name": "razón social",
    "business": "giro",
    "invoice_as": "documento",
    "exhausted_messages": "sin llamadas: toma mensajes",
    "exhausted_report": "sin llamadas: reporte diario",
    "cancelled_at": "dado de baja",
    "erased_at": "datos borrados",
    # --- numbers
    "{number} is a number of ours: a call to it would come back; give the contact's own telephone": (
        "{number} es un número nuestro: la llamada volvería a nosotros; indique el teléfono propio del contacto"
    ),
    "{number} is what {name}, a contact of {slug}, is called by: `contact remove` it first": (
        "a {number} se llama a {name}, contacto de {slug}: quítelo antes con `contact remove`"
    ),
    "added: {numbers}": "agregados: {numbers}",
    "added: {numbers}; their calls may come by any trunk": (
        "agregados: {numbers}; sus llamadas pueden llegar por cualquier troncal"
    ),
    "{number} is now a number of {slug}": "{number} es ahora un número de {slug}",
    "{number} is released; it rests until {day}": "{number} queda liberado; descansa hasta el {day}",
    "{number} is removed": "{number} eliminado",
    "{number} is not one of our numbers: `did add` it first": (
        "{number} no es uno de nuestros números: agréguelo antes con `did add`"
    ),
    "{number} is named twice": "{number} aparece dos veces",
    "{number} is one of our numbers already: nothing was added": (
        "{number} ya es uno de nuestros números: no se agregó nada"
    ),
    "{number} belongs to the client {owner}: release it first": (
        "{number} pertenece al cliente {owner}: libérelo antes"
    ),
    (
        "{number} rests until {day} after its release, because the old client's callers still dial it; --resting "
        "assigns it all the same"
    ): (
        "{number} descansa hasta el {day} tras su liberación, porque aún llaman al cliente anterior; con "
        "--resting se asigna igual"
    ),
    "{number} belongs to no client: nothing to release": (
        "{number} no pertenece a ningún cliente: no hay nada que liberar"
    ),
    "{number} belongs to a client: release it first": "{number} pertenece a un cliente: libérelo antes",
    "{number} belongs to this client already: nothing to do": (
        "{number} ya pertenece a este cliente: no hay nada que hacer"
    ),
    "{text} is no telephone number: write it with its plus sign and country, like +56225550101": (
        "{text} no es un número de teléfono: escríbalo con el signo más y el país, como +56225550101"
    ),
    "{text} is no telephone number: its country gives out none like it": (
        "{text} no es un número de teléfono: su país no entrega ninguno así"
    ),
    "{text} is no telephone number: no country has the code it begins with": (
        "{text} no es un número de teléfono: ningún país tiene ese código"
    ),
    (
        "no calls are transferred to {number}: only to Chile, Mexico, Colombia, Brazil, Peru, Puerto Rico, USA, "
        "Canada, Spain, United Kingdom, Italy, France, Germany"
    ): (
        "no se transfieren llamadas a {number}: solo a Chile, México, Colombia, Brasil, Perú, Puerto Rico, EE. "
        "UU., Canadá, España, Reino Unido, Italia, Francia y Alemania"
    ),
    "no calls are transferred to {number}: it is neither a landline nor a mobile": (
        "no se transfieren llamadas a {number}: no es fijo ni móvil"
    ),
    "no calls are transferred to {number}: it is neither a landline nor a mobile but internet telephony": (
        "no se transfieren llamadas a {number}: no es fijo ni móvil, sino telefonía por internet"
    ),
    (
        "no calls are transferred to {number}: it is neither a landline nor a mobile, its prefix is for campaigns "
        "and shared-cost services"
    ): (
        "no se transfieren llamadas a {number}: no es fijo ni móvil, su prefijo es de campañas y servicios de costo "
        "compartido"
    ),
    # --- trunks
    "trunk {name} added; next: `did add NUMBER… --trunk {name}`": (
        "troncal {name} agregada; ahora: `did add NÚMERO… --trunk {name}`"
    ),
    "trunk {name} changed": "troncal {name} cambiada",
    "the carrier {name} has registered us": "el operador {name} nos tiene registrados",
    "it lacks the area: ask the carrier for whole numbers": (
        "le falta el código de área: pida al operador números completos"
    ),
    "it is no whole number: ask the carrier what it sends": (
        "no es un número completo: pregunte al operador qué envía"
    ),
    "it is none of ours: if it should be, `did add {number}`": (
        "no es de los nuestros: si debe serlo, `did add {number}`"
    ),
    "it is no number: ask the carrier where it puts the dialled one": (
        "no es un número: pregunte al operador dónde pone el marcado"
    ),
    "it is no number; if the carrier puts that elsewhere: `trunk set {trunk} --did-from {place}`": (
        "no es un número; si el operador lo pone en otra parte: `trunk set {trunk} --did-from {place}`"
    ),
    "{number} is free: `did assign {number} CLIENT`": "{number} está libre: `did assign {number} CLIENTE`",
    "{number} comes by the trunk {trunk} only: ask that carrier, or add the number without --trunk": (
        "{number} entra solo por la troncal {trunk}: consulte a ese operador o agregue el número sin --trunk"
    ),
    "{number} is a number of {client} by now": "{number} ya es un número de {client}",
    ("it can be read as {numbers}: `trunk set {trunk} --number-format` as the carrier writes, or have it send a +"): (
        "puede leerse como {numbers}: `trunk set {trunk} --number-format` según escriba el operador, o que envíe el +"
    ),
    "the trunk had its {most} calls: `trunk set {trunk} --max-calls`": (
        "la troncal tenía sus {most} llamadas: `trunk set {trunk} --max-calls`"
    ),
    "it offers none of {codecs}: have the carrier offer G.711 A-law (PCMA)": (
        "no ofrece ninguno de {codecs}: pida al operador que ofrezca G.711 ley A (PCMA)"
    ),
    "it offers none of {codecs}: have the carrier offer one, or `trunk set {trunk} --codecs alaw,ulaw`": (
        "no ofrece ninguno de {codecs}: pida al operador que ofrezca uno, o `trunk set {trunk} --codecs alaw,ulaw`"
    ),
    "it offers no sound (video only, or a fax): have the carrier offer G.711 A-law (PCMA)": (
        "no ofrece sonido (solo video, o un fax): pida al operador que ofrezca G.711 ley A (PCMA)"
    ),
    "it offers no SRTP: have the carrier offer it, or `trunk set {trunk} --srtp optional`": (
        "no ofrece SRTP: pida al operador que lo ofrezca, o `trunk set {trunk} --srtp optional`"
    ),
    "it offers nothing but SRTP: `trunk set {trunk} --srtp optional`": (
        "solo ofrece SRTP: `trunk set {trunk} --srtp optional`"
    ),
    "it offers SRTP with keys by DTLS: have the carrier send them in the SDP (SDES)": (
        "ofrece SRTP con claves por DTLS: pida al operador que las envíe en el SDP (SDES)"
    ),
    "its offer of sound makes no sense to Asterisk: send the carrier a trace of the call": (
        "Asterisk no entiende su oferta de sonido: envíe al operador una traza de la llamada"
    ),
    "if it is a carrier of yours: `trunk add NAME --match ADDRESS`": (
        "si es un operador suyo: `trunk add NOMBRE --match DIRECCIÓN`"
    ),
    "if it is a telephone of yours: `secretary reset-password`": ("si es un teléfono suyo: `secretary reset-password`"),
    "nothing: it guessed passwords, and is let in again after ten minutes": (
        "nada: probaba contraseñas, y a los diez minutos se le vuelve a dejar entrar"
    ),
    "nothing: the carrier sent one call by two ways, and it was served once": (
        "nada: el operador envió una llamada por dos caminos y se atendió una vez"
    ),
    "nothing: a contact's telephone forwards to us": "nada: el teléfono de un contacto desvía hacia nosotros",
    "nothing: secretaries' telephones dial no numbers": "nada: los teléfonos de las secretarias no marcan números",
    "the carrier {name} refuses us: `trunk set {name}` with the right --user and --password": (
        "el operador {name} nos rechaza: `trunk set {name}` con --user y --password correctos"
    ),
    "the carrier {name} does not answer at {host}: no calls come in by it": (
        "el operador {name} no responde en {host}: no entran llamadas por él"
    ),
    "over": "por",
    "verified_by": "lo avala",
    "srtp": "srtp",
    "--transport tls needs TLS: set tls_bind, certificate and key under [sip] in pbx.toml, then `setup` and "
    "`asterisk restart`": (
        "--transport tls necesita TLS: defina tls_bind, certificate y key en [sip] de pbx.toml, luego `setup` y "
        "`asterisk restart`"
    ),
    "--srtp {srtp} needs --transport tls: otherwise its keys can be read": (
        "--srtp {srtp} necesita --transport tls: de otro modo sus claves se pueden leer"
    ),
    "--ca is for a trunk with --transport tls and --verify; `--ca system` takes it away": (
        "--ca es para una troncal con --transport tls y --verify; `--ca system` lo quita"
    ),
    "{file} has no certificates in it, or broken ones: give the PEM file of who vouches for the carrier": (
        "{file} no contiene certificados, o están dañados: indique el archivo PEM de quien avala al operador"
    ),
    "there is no port {port} for TLS: choose a lower one in [sip] tls_bind": (
        "no existe el puerto {port} para TLS: elija uno menor en [sip] tls_bind"
    ),
    "Asterisk's clock of {zone} is not the daemon's on {at}: pbx-control setup, then restart the daemon": (
        "el reloj de Asterisk para {zone} no es el de pbx-control el {at}: pbx-control setup, luego reinicie "
        "pbx-control"
    ),
    "Asterisk and the daemon have the same clocks (time zones {version})": (
        "Asterisk y pbx-control tienen los mismos relojes (zonas horarias {version})"
    ),
    "telephones are registered: {told}": "teléfonos registrados: {told}",
    "the telephone of {name} must use TLS and is registered over {over}: until it is set to {server} by TLS, take it "
    "off": (
        "el teléfono de {name} debe usar TLS y está registrado por {over}: desconéctelo hasta configurarlo con "
        "{server} por TLS"
    ),
    "the telephone of {name} must use TLS, and there is none: set tls_bind under [sip] in pbx.toml, or "
    "`secretary set {name} --no-secure`": (
        "el teléfono de {name} debe usar TLS, y no lo hay: defina tls_bind en [sip] de pbx.toml, o "
        "`secretary set {name} --no-secure`"
    ),
    "anybody on the way may pose as the carrier {name}, and take its password's digest: `trunk set {name} --verify`, "
    "with --ca FILE if its certificates are its own": (
        "cualquiera en el camino puede hacerse pasar por el operador {name} y quedarse con el resumen de su "
        "contraseña: `trunk set {name} --verify`, con --ca ARCHIVO si sus certificados son propios"
    ),
    "what is spoken over {name} may go unencrypted: `trunk set {name} --srtp required`": (
        "lo que se habla por {name} puede ir sin cifrar: `trunk set {name} --srtp required`"
    ),
    "Asterisk cannot read {file}: install ca-certificates, or set [sip] ca_file": (
        "Asterisk no puede leer {file}: instale ca-certificates, o defina [sip] ca_file"
    ),
    "carriers' certificates are not verified yet: pbx-control setup, then pbx-control asterisk restart": (
        "todavía no se verifican los certificados de los operadores: pbx-control setup, luego pbx-control asterisk "
        "restart"
    ),
    "the carrier {name} does not answer at {host}, or has no valid certificate of that name (see "
    "asterisk/log/messages.log; `trunk set {name} --ca FILE` if its certificates are its own)": (
        "el operador {name} no responde en {host}, o no tiene un certificado válido con ese nombre (vea "
        "asterisk/log/messages.log; `trunk set {name} --ca ARCHIVO` si sus certificados son propios)"
    ),
    "--secure needs TLS: set tls_bind, certificate and key under [sip] in pbx.toml first": (
        "--secure necesita TLS: defina antes tls_bind, certificate y key en [sip] de pbx.toml"
    ),
    "trunk {name} removed": "troncal {name} eliminada",
    "there is no trunk {name}: there is {near}": "no existe la troncal {name}: existe {near}",
    "there is a trunk {name} already: remove it or choose another name": (
        "ya existe la troncal {name}: elimínela o elija otro nombre"
    ),
    "{name} is the only trunk, and {count} numbers come in by any: add another or `did remove` them first": (
        "{name} es la única troncal y {count} números entran por cualquiera: "
        "agregue otra troncal o retírelos antes con `did remove`"
    ),
    "{count} numbers come in by the trunk {name}: `did remove` them first": (
        "{count} números entran por la troncal {name}: elimínelos antes con `did remove`"
    ),
    "--register needs --host, --user and --password: where and as whom to register": (
        "--register necesita --host, --user y --password: dónde y como quién registrarse"
    ),
    "--match is missing: name the addresses that the carrier sends from": (
        "falta --match: indique las direcciones desde las que envía el operador"
    ),
    "{address} belongs to the trunk {name} already": "{address} ya pertenece a la troncal {name}",
    # --- hours and holidays
    "the hours of {slug} are now {week}": "el horario de {slug} es ahora {week}",
    "{week} ({zone})": "{week} ({zone})",
    "holiday: {name}": "feriado: {name}",
    "{text} is too far away to be looked up": "{text} queda demasiado lejos para consultarlo",
    "{night} passes midnight: what comes after 24:00 is counted to the next day": (
        "{night} pasa la medianoche: lo que sigue a las 24:00 se cuenta en el día siguiente"
    ),
    "{slug} is open until {until} ({why})": "{slug} está abierto hasta {until} ({why})",
    "{slug} is closed until {until} ({why})": "{slug} está cerrado hasta {until} ({why})",
    "{slug} is open, for the coming month ({why})": "{slug} está abierto, durante el próximo mes ({why})",
    "{slug} is closed, for the coming month ({why})": "{slug} está cerrado, durante el próximo mes ({why})",
    "these hours are too long: at most {longest} characters": (
        "el horario es demasiado largo: máximo {longest} caracteres"
    ),
    "no hours were given: write for example `{example}`": "no se indicó horario: escriba por ejemplo `{example}`",
    "the hours lack times after `{word}`, like 09:00-13:00": (
        "al horario le faltan horas después de `{word}`, como 09:00-13:00"
    ),
    "the hours lack times before `{word}`, like 09:00-13:00": (
        "al horario le faltan horas antes de `{word}`, como 09:00-13:00"
    ),
    "the hours lack days before `{word}`, like mon-fri": "al horario le faltan días antes de `{word}`, como lun-vie",
    "`{word}` names no days: write mon tue wed thu fri sat sun, mon-fri or mon,wed": (
        "`{word}` no indica días: escriba lun mar mie jue vie sab dom, lun-vie o lun,mie"
    ),
    "`{word}` is no span of time: write it like 09:00-13:00, at most until 24:00": (
        "`{word}` no es un tramo de horas: escríbalo como 09:00-13:00, hasta 24:00 como máximo"
    ),
    "`{word}` ends when it begins: write 00:00-24:00 for a whole day": (
        "`{word}` termina cuando empieza: para el día entero escriba 00:00-24:00"
    ),
    "`{word}` may be several days: write more of the name, like mar, mie or mon": (
        "`{word}` puede ser más de un día: escriba más del nombre, como mar, mie o lun"
    ),
    "`{word}` is neither a day nor a time: write for example mon-fri 09:00-13:00": (
        "`{word}` no es un día ni una hora: escriba por ejemplo lun-vie 09:00-13:00"
    ),
    "the hours of {day} overlap: {one} and {other}": "los horarios del {day} se superponen: {one} y {other}",
    "Monday": "lunes",
    "Tuesday": "martes",
    "Wednesday": "miércoles",
    "Thursday": "jueves",
    "Friday": "viernes",
    "Saturday": "sábado",
    "Sunday": "domingo",
    "{who} closed on {day}": "{who}: cerrado el {day}",
    "usual hours for {who} on {day}": "{who}: horario habitual el {day}",
    "everybody": "todos",
    "{day} is a holiday already": "el {day} ya es feriado",
    "{day} is a public holiday already: {name}": "el {day} ya es feriado legal: {name}",
    "{day} is no holiday: nothing to remove": "el {day} no es feriado: no hay nada que quitar",
    # --- greetings and announcements
    "the greeting of {slug} is changed": "el saludo de {slug} quedó modificado",
    "{slug} has no greeting yet: `greeting set {slug} TEXT`": (
        "{slug} aún no tiene saludo: `greeting set {slug} TEXTO`"
    ),
    "there is no such earlier greeting: `greeting history` shows all": (
        "no existe ese saludo anterior: `greeting history` los muestra todos"
    ),
    "the announcement `{kind}` of {slug} is changed": "el aviso `{kind}` de {slug} quedó modificado",
    "the announcement `{kind}` of {slug} is the house's own again": (
        "el aviso `{kind}` de {slug} vuelve a ser el de la casa"
    ),
    "the {kind} text has characters that cannot be spoken; type it anew": (
        "el texto {kind} tiene caracteres que no se pueden leer; escríbalo de nuevo"
    ),
    "the {kind} text has no words; give the text that callers shall hear": (
        "el texto {kind} no tiene palabras; dé el texto que oirán quienes llaman"
    ),
    "the {kind} text has {length} characters, at most {most} are spoken; shorten it or use --audio": (
        "el texto {kind} tiene {length} caracteres y se leen {most} como máximo; acórtelo o use --audio"
    ),
    "the {kind} text has {found}, which is not known: only {known} are filled in": (
        "el texto {kind} tiene {found}, que no se conoce: solo se completan {known}"
    ),
    "{what} is longer than {minutes} minutes; give a shorter one": (
        "{what} dura más de {minutes} minutos; dé uno más corto"
    ),
    "there is nothing to hear in {what}; give one with sound": "en {what} no se oye nada; dé uno con sonido",
    "{what} is {format}; give a WAV, FLAC, OGG or MP3 file": ("{what} es {format}; dé un archivo WAV, FLAC, OGG o MP3"),
    "{what} has {channels} channels at {rate} Hz; give mono or stereo at 8000 to 48000 Hz": (
        "{what} tiene {channels} canales a {rate} Hz; dé mono o estéreo de 8000 a 48000 Hz"
    ),
    "{what} is no audio; give a WAV, FLAC, OGG or MP3 file": ("{what} no es audio; dé un archivo WAV, FLAC, OGG o MP3"),
    "{file} is larger than {most} MB; give a shorter one": "{file} pesa más de {most} MB; dé uno más corto",
    "{file} cannot be written: {why}": "no se puede escribir {file}: {why}",
    "{file} is no ordinary file; give a WAV, FLAC, OGG or MP3 file": (
        "{file} no es un archivo común; dé un archivo WAV, FLAC, OGG o MP3"
    ),
    # --- secretaries
    "secretary {name} changed": "secretaria {name} modificada",
    "secretary {name} removed": "secretaria {name} eliminada",
    "user:     {user}": "usuario:    {user}",
    "password: {password}   (shown only now)": "contraseña: {password}   (solo se muestra ahora)",
    "server:   {server}": "servidor:   {server}",
    "This telephone answers calls only. It dials nothing by itself, EMERGENCY NUMBERS INCLUDED:": (
        "Este teléfono solo contesta llamadas. No marca nada por sí mismo, TAMPOCO NÚMEROS DE EMERGENCIA:"
    ),
    "keep another telephone at hand for 131 (ambulance), 132 (fire brigade) and 133 (police).": (
        "tenga otro teléfono a mano para el 131 (ambulancia), el 132 (bomberos) y el 133 (carabineros)."
    ),
    "there is no secretary {name}: `secretary list` shows all": (
        "no existe la secretaria {name}: `secretary list` las muestra todas"
    ),
    "there is a secretary {name} already: choose another name": "ya existe la secretaria {name}: elija otro nombre",
    "{name} is in a call: remove her when it is over": "{name} está en una llamada: elimínela cuando termine",
    # --- contacts and recipients
    "contact {name} added: secretaries reach it with *{key}": (
        "contacto {name} agregado: las secretarias lo consultan con *{key}"
    ),
    "contact {name} added; all six keys of {slug} are taken, so it has none": (
        "contacto {name} agregado; las seis teclas de {slug} están ocupadas, por lo que no tiene"
    ),
    "contact {name} removed": "contacto {name} eliminado",
    "there is a contact {name} of this client already": "este cliente ya tiene un contacto {name}",
    "the key {key} belongs to another contact of this client: choose another": (
        "la tecla {key} es de otro contacto de este cliente: elija otra"
    ),
    "{name} is no contact of this client: it has {known}": "{name} no es contacto de este cliente: tiene {known}",
    "{address} gets the messages of {slug}": "{address} recibe los mensajes de {slug}",
    "{address} gets no more messages of {slug}": "{address} ya no recibe los mensajes de {slug}",
    "{address} is a recipient of this client already": "{address} ya es destinatario de este cliente",
    "{address} is no recipient of this client: it has {known}": (
        "{address} no es destinatario de este cliente: tiene {known}"
    ),
    # --- what may be written into a field
    "{option} holds a line break or another control character: leave it out": (
        "{option} tiene un salto de línea u otro carácter de control: quítelo"
    ),
    "{option} is empty: write something": "{option} está vacío: escriba algo",
    "{option} holds a control character: leave it out": "{option} tiene un carácter de control: quítelo",
    "{value} cannot be a short name: use 1 to 40 small letters, digits and hyphens, like andes-norte": (
        "{value} no puede ser un nombre corto: use de 1 a 40 letras minúsculas, dígitos y guiones, como andes-norte"
    ),
    "the language {value} is not spoken here: write es or en": "aquí no se habla el idioma {value}: escriba es o en",
    "{value} is no e-mail address: write one like ventas@andes.cl": (
        "{value} no es un correo electrónico: escriba uno como ventas@andes.cl"
    ),
    "{value} is no Telegram chat: write its number, like 123456789, or a channel's @name": (
        "{value} no es un chat de Telegram: escriba su número, como 123456789, o el @nombre de un canal"
    ),
    "{value} is no host: write HOST or HOST:PORT, like sip.example.cl:5060": (
        "{value} no es un servidor: escriba HOST o HOST:PUERTO, como sip.example.cl:5060"
    ),
    "{option} holds a character that cannot be used: only letters, digits and . _ ~ ! $ % ^ * + = @ / -": (
        "{option} tiene un carácter que no se puede usar: solo letras, dígitos y . _ ~ ! $ % ^ * + = @ / -"
    ),
    "there is no country {value}: write two letters, like CL": (
        "no existe el país {value}: escriba dos letras, como CL"
    ),
    "there is no codec {value} here: write some of {codecs}": (
        "aquí no hay códec {value}: escriba algunos de {codecs}"
    ),
    "{option} {value} is no duration from {least} to {most} seconds: write it like 90s or 2m": (
        "{option} {value} no es una duración de {least} a {most} segundos: escríbala como 90s o 2m"
    ),
    "{value} would let everybody in: name the carrier's own addresses": (
        "{value} dejaría entrar a cualquiera: indique las direcciones propias del operador"
    ),
    "{option} is too long: {length} characters, at most {longest}": (
        "{option} es demasiado largo: {length} caracteres, máximo {longest}"
    ),
    "there is no time zone {value}: write one like {near}": (
        "no existe la zona horaria {value}: escriba una como {near}"
    ),
    "{value} is no RUT: its check digit or its length is wrong; write it like 76.086.428-5": (
        "{value} no es un RUT: su dígito verificador o su largo está mal; escríbalo como 76.086.428-5"
    ),
    "{value} is no address: write an IP address, like 200.1.2.3, or a network, like 200.1.2.0/24": (
        "{value} no es una dirección: escriba una dirección IP, como 200.1.2.3, o una red, como 200.1.2.0/24"
    ),
    "{option} has a brace without its pair; filled in is only: {known}": (
        "{option} tiene una llave sin su pareja; solo se completa: {known}"
    ),
    "{option} has {place}, which is not filled in; what is: {known}": (
        "{option} tiene {place}, que no se completa; lo que sí: {known}"
    ),
    # --- sounds and recordings
    "{voice} cannot speak: {why}": "{voice} no puede hablar: {why}",
    "no voice is installed for the prompts: apt-get install espeak-ng": (
        "no hay una voz instalada para los avisos: apt-get install espeak-ng"
    ),
    "{name} is no name of a recording": "{name} no es el nombre de una grabación",
    "the recording {name} cannot be read: {why}": "no se puede leer la grabación {name}: {why}",
    "there is no call {call}: `pbx-control recording list` shows them": (
        "no hay ninguna llamada {call}: `pbx-control recording list` las muestra"
    ),
    "in call {call} no message was left": "en la llamada {call} no se dejó ningún mensaje",
    "call {call} was not recorded; --message fetches the message that was left, if there is one": (
        "la llamada {call} no se grabó; --message trae el mensaje que se dejó, si lo hay"
    ),
    "{file} is there already: name another with -o": "{file} ya existe: indique otro con -o",
    "{file} written": "se escribió {file}",
    "caller": "quien llamó",
    "arrived": "llegó",
    "seconds": "segundos",
    "flaw": "defecto",
    "message": "mensaje",
    "missing": "falta",
    "short": "incompleta",
    "lost": "no se pudo grabar",
    "cut": "incompleto",
    "long": "demasiado larga",
    # --- what is kept and what is deleted
    "recordings are being deleted at this moment: try again in a minute": (
        "en este momento se están borrando grabaciones: intente de nuevo en un minuto"
    ),
    "call {call} is held: nothing of it is deleted until `recording release`": (
        "la llamada {call} queda retenida: nada de ella se borra hasta `recording release`"
    ),
    "call {call} is held; nothing of it is recorded, or not any more": (
        "la llamada {call} queda retenida; de ella no hay grabación, o ya no la hay"
    ),
    "call {call} is released: its files go when they are old enough": (
        "la llamada {call} ya no está retenida: sus archivos se borran cuando cumplan su plazo"
    ),
    "--why is empty: say why, for whoever asks later": ("--why está vacío: diga por qué, para quien pregunte después"),
    "the call {call} is held already: `recording release` ends that": (
        "la llamada {call} ya está retenida: `recording release` lo termina"
    ),
    "the call {call} is not held: `recording list` shows which are": (
        "la llamada {call} no está retenida: `recording list` muestra cuáles lo están"
    ),
    "looking at the recordings": "revisando las grabaciones",
    "comparing files and calls": "comparando archivos y llamadas",
    "{looked} files looked at, {deleted} deleted": "{looked} archivos revisados, {deleted} borrados",
    "files and calls agree": "archivos y llamadas coinciden",
    "would be deleted: {count} ({size} MB); kept by a legal hold: {held}": (
        "se borrarían: {count} ({size} MB); con retención legal: {held}"
    ),
    "nothing is due": "nada ha cumplido su plazo",
    "and {count} more": "y {count} más",
    "deleted: {deleted} ({size} MB); kept by a legal hold: {held}": (
        "borrados: {deleted} ({size} MB); con retención legal: {held}"
    ),
    "{file} could not be deleted: {why}": "{file} no se pudo borrar: {why}",
    "{count} files could not be deleted: see to their rights, or to links": (
        "{count} archivos no se pudieron borrar: revise sus permisos, o si hay enlaces"
    ),
    (
        "nothing is deleted: the clock shows {now}, but it has shown {seen} before; set it right, or confirm it: "
        "`pbx-control recording purge --clock-is-right`"
    ): (
        "no se borra nada: el reloj muestra {now}, pero antes ya mostró {seen}; corríjalo, o confírmelo: "
        "`pbx-control recording purge --clock-is-right`"
    ),
    (
        "nothing is deleted: the clock shows {now}, more than a day after it was last seen ({seen}); if it is right, "
        "confirm it: `pbx-control recording purge --clock-is-right`"
    ): (
        "no se borra nada: el reloj muestra {now}, más de un día después de la última vez ({seen}); si está bien, "
        "confírmelo: `pbx-control recording purge --clock-is-right`"
    ),
    "file without call": "archivo sin llamada",
    "file of a call, without sound": "archivo de una llamada, sin sonido",
    "recording or message was cut or lost": "grabación o mensaje incompleto o perdido",
    "call without file": "llamada sin archivo",
    "link or no ordinary file": "enlace u otra cosa que no es archivo",
    "call without end": "llamada sin final",
    "absent": "no estaba",
    "age": "antigüedad",
    "erased": "borrado a petición",
    "unfinished": "borrado a medias",
    "held": "retenida",
    "hold": "retenida por",
    "file": "archivo",
    "bytes": "bytes",
    "at": "cuándo",
    "sha256": "SHA-256",
    "modified": "modificado",
    "derived": "derivado",
    "stray": "suelto",
    "client_data": "datos del cliente",
    "cancelled": "dado de baja",
    "caller_data": "datos de quien llamó",
    "{text} is no caller's number: write it with its plus sign and country, like +56912345678": (
        "{text} no es el número de quien llama: escríbalo con su signo más y su país, como +56912345678"
    ),
    "{number} is no telephone number: only those can be marked": (
        "{number} no es un número telefónico: solo esos se pueden marcar"
    ),
    "{number} is not marked there: `caller marks` shows who is": (
        "{number} no está marcado ahí: `caller marks` muestra quiénes lo están"
    ),
    "{number}: calls {calls}, messages to clients {letters}, marks {marks}": (
        "{number}: llamadas {calls}, mensajes a clientes {letters}, marcas {marks}"
    ),
    "the number is also that of {name}, a contact of {client}: `contact remove` takes that away": (
        "el número también es de {name}, un contacto de {client}: `contact remove` lo quita"
    ),
    "erase {count} calls' recordings, and number and name of {number}, for ever?": (
        "¿borrar para siempre las grabaciones de {count} llamadas, y el número y el nombre de {number}?"
    ),
    "erasing": "borrando",
    "erased: calls {calls}, files {files}, messages {letters}, documents {documents}, marks {marks}": (
        "borrado: llamadas {calls}, archivos {files}, mensajes {letters}, documentos {documents}, marcas {marks}"
    ),
    "the call {call} stays as it is: it is under a legal hold": (
        "la llamada {call} queda como está: la retiene una orden legal"
    ),
    "calls from {number} are tests from now on: they are not charged": (
        "las llamadas del {number} son pruebas desde ahora: no se cobran"
    ),
    "calls from {number} are blocked from now on: nobody answers them": (
        "las llamadas del {number} están bloqueadas desde ahora: nadie las contesta"
    ),
    "calls from {number} are like any other again": "las llamadas del {number} son de nuevo como cualquiera",
    "test": "prueba",
    "live": "en curso",
    "the call {call} of that caller lasts: erase when it is over": (
        "la llamada {call} de esa persona sigue: borre cuando termine"
    ),
    "the call {call} is under a legal hold: release it, or leave it as it is with --keep-held": (
        "la llamada {call} está retenida por orden legal: libérela, o déjela como está con --keep-held"
    ),
    "the message {id} about that caller is still to be sent: wait, or give it up with --drop-waiting": (
        "el mensaje {id} sobre esa persona aún no se envía: espere, o descártelo con --drop-waiting"
    ),
    "nothing is known of {number}: there is nothing to erase": ("no se sabe nada del {number}: no hay nada que borrar"),
    "{file} cannot be deleted (another call's, held, or unreadable): see to it and erase again": (
        "{file} no se puede borrar (es de otra llamada, está retenido o no se puede leer): revíselo y borre de nuevo"
    ),
    # --- demo
    "the demo's mail server is not installed: pip install 'pbx-control[demo]', then call it again": (
        "falta el servidor de correo de la demostración: pip install 'pbx-control[demo]', y vuelva a llamarla"
    ),
    "the demo was broken off": "la demostración se interrumpió",
    "a second Asterisk plays the carrier, the callers and the secretary's telephone": (
        "un segundo Asterisk hace de operador, de quienes llaman y del teléfono de la secretaria"
    ),
    "The stage: an installation of its own in {folder}": "El escenario: una instalación propia en {folder}",
    "Asterisk listens on {pbx}; outside are a carrier ({carrier}), telephones ({phones}) and a mail server": (
        "Asterisk escucha en {pbx}; afuera hay un operador ({carrier}), teléfonos ({phones}) y un servidor de correo"
    ),
    "An admin provisions two clients and a secretary": "Un administrador registra dos clientes y una secretaria",
    "Clínica Andes, {part_of_day}, this is {secretary}": "Clínica Andes, {part_of_day}, habla {secretary}",
    "Clínica Andes, good morning, this is Ana. How can I help you?": (
        "Clínica Andes, buenos días, habla Ana. ¿En qué le puedo ayudar?"
    ),
    "Good morning. I would like an appointment with doctor Pérez, please.": (
        "Buenos días. Quisiera pedir una hora con el doctor Pérez, por favor."
    ),
    "Hello, this is Lucía. Are you open this afternoon?": "Hola, habla Lucía. ¿Atienden esta tarde?",
    "Ana's softphone has registered as {user}": "el teléfono de Ana se registró como {user}",
    "María Soto calls Clínica Andes; Ana answers": "María Soto llama a Clínica Andes; contesta Ana",
    "John Smith calls Notaría Norte, which is closed now": "John Smith llama a Notaría Norte, que ahora está cerrada",
    "he listens to the announcement": "escucha el aviso",
    "he heard {seconds} s of announcement, then was hung up": "escuchó {seconds} s de aviso y se cortó la llamada",
    "no telephone rang": "no sonó ningún teléfono",
    "Pedro Rojas calls Clínica Andes; nobody answers, and he gives up": (
        "Pedro Rojas llama a Clínica Andes; nadie contesta y él cuelga"
    ),
    "it rings": "suena",
    "her telephone stopped ringing when he gave up": "el teléfono dejó de sonar cuando él colgó",
    "María calls again and wants Rosa Díaz: Ana asks Rosa first, then connects the two": (
        "María llama de nuevo y busca a Rosa Díaz: Ana le pregunta primero a Rosa y luego las comunica"
    ),
    "here a transferred conversation ends after {seconds} s, not 600": (
        "aquí una llamada transferida termina a los {seconds} s, no a los 600"
    ),
    "Good morning, this is Rosa Díaz.": "Buenos días, habla Rosa Díaz.",
    "Ana presses *1: María hears music, and Rosa's telephone rings": (
        "Ana marca *1: María oye música y suena el teléfono de Rosa"
    ),
    "Rosa's telephone showed the client's own number: {number}": (
        "el teléfono de Rosa mostró el número propio del cliente: {number}"
    ),
    "Ana and Rosa talk in private": "Ana y Rosa conversan a solas",
    "Ana presses ##: María and Rosa are connected, and Ana is free": (
        "Ana marca ##: María y Rosa quedan comunicadas y Ana queda libre"
    ),
    "the e-mail came while the two were still talking": "el correo llegó mientras las dos todavía conversaban",
    "they talk until their time is up": "conversan hasta que se acaba su tiempo",
    "María and Rosa heard each other, and Ana's leg had ended": (
        "María y Rosa se oyeron, y la línea de Ana ya había terminado"
    ),
    "their conversation ended by itself after {seconds} s": "su conversación terminó sola a los {seconds} s",
    "one recording has all three voices: {file}": "una sola grabación tiene las tres voces: {file}",
    "María calls once more; this time Rosa is busy": "María llama otra vez; ahora Rosa está ocupada",
    "Ana is told that Rosa is busy, and talks with María again": (
        "Ana oye que Rosa está ocupada y vuelve a hablar con María"
    ),
    "María heard music, then Ana again": "María oyó música y después a Ana otra vez",
    "The daemon is killed; Lucía Vidal calls all the same": "Se mata pbx-control; Lucía Vidal llama igual",
    "no e-mail yet: nobody is there to write it": "todavía no hay correo: no hay quien lo escriba",
    "it knows that the switch hosted this call alone": "sabe que la central atendió sola esta llamada",
    "What is left of it": "Lo que queda",
    "the conversations, to listen to (each voice ends with a tone of its own):": (
        "las conversaciones, para escucharlas (cada voz termina con un tono propio):"
    ),
    "a softphone of your own: `pbx-control demo --stay` gives you an account at {server} and rings you": (
        "un teléfono propio: `pbx-control demo --stay` le da una cuenta en {server} y lo llama"
    ),
    "Your turn: register a softphone of your own": "Su turno: registre un teléfono propio",
    "Ana goes home. Press Enter and María calls {number}; Ctrl-C ends it all": (
        "Ana se va a casa. Con Enter, María llama al {number}; Ctrl-C termina todo"
    ),
    "María calls {number}": "María llama al {number}",
    "Ana's telephone rings and shows: {name} {number}": "suena el teléfono de Ana y muestra: {name} {number}",
    "they talk": "conversan",
    "her display showed the client's name and the caller's number": (
        "su pantalla mostró el nombre del cliente y el número de quien llama"
    ),
    "each heard the other's voice": "cada uno escuchó la voz del otro",
    "the journal says: {outcome}": "el diario dice: {outcome}",
    "the recording has both voices: {file}": "la grabación tiene las dos voces: {file}",
    "the e-mail is on its way": "el correo está en camino",
    "{count} facts are not as they should be ({seconds} s)": "{count} hechos no son como debían ({seconds} s)",
    "all of it really happened ({seconds} s)": "todo esto ocurrió de verdad ({seconds} s)",
    "{what}": "{what}",
    # --- calls
    "there is no call {call}: `pbx-control call list` shows them": (
        "no hay ninguna llamada {call}: `pbx-control call list` las muestra"
    ),
    "{text} is no time: write it like 2026-04-01T09:30, 01/04/2026 9:30, yesterday, or 2h for two hours ago": (
        "{text} no es una fecha u hora: escríbala como 01/04/2026 9:30, 2026-04-01T09:30, ayer, o 2h (hace dos horas)"
    ),
    "there is nothing in the supplement: write what the client should know": (
        "el complemento está vacío: escriba lo que el cliente debe saber"
    ),
    "the call {call} goes on: its first message is still to come": (
        "la llamada {call} sigue: su primer mensaje está por salir"
    ),
    "outcome": "resultado",
    "secretary": "secretaria",
    "answered": "atendida",
    "missed": "perdida",
    "left_message": "dejó un mensaje",
    "exhausted": "sin servicio",
    "blocked": "bloqueada",
    "arriving": "llegando",
    "welcoming": "escucha la bienvenida",
    "offering": "suena un teléfono",
    "withdrawing": "se retira la oferta",
    "talking": "conversando",
    "taking_message": "dejando un mensaje",
    "parting": "escucha la despedida",
    "ending": "terminando",
    "ended": "terminada",
    "busy": "ocupado",
    "more than one call is meant by {call}: {some} …; write more of it": (
        "{call} puede ser más de una llamada: {some} …; escriba más"
    ),
    "waited": "espera",
    "talked": "conversación",
    "calling_contact": "llamando a un contacto",
    "consulting": "consultando",
    "caller_gone": "colgó en espera",
    "handed_over": "transferida",
    "transferred_to": "transferida a",
    "transferred": "con el contacto",
    "did": "número",
    "hosted_by": "atendió",
    "the daemon": "pbx-control",
    "the switch alone": "la central sola",
    # --- dialplan
    "there is no file {file} in force: `pbx-control dialplan show` lists those that are": (
        "no hay un archivo {file} vigente: `pbx-control dialplan show` muestra los que hay"
    ),
    "what is provisioned is in force": "lo registrado está vigente",
    "revision {revision} is in force: {files}": "la revisión {revision} está vigente: {files}",
    "revision {revision} is written; Asterisk does not run and reads it at its start": (
        "la revisión {revision} está escrita; Asterisk no está en marcha y la leerá al iniciar"
    ),
    "these take effect at Asterisk's next start only: {files}": (
        "estos solo rigen desde el próximo inicio de Asterisk: {files}"
    ),
    "the generated {file} is not sound ({why}); what is in force stays in force": (
        "el {file} generado no es válido ({why}); lo vigente sigue vigente"
    ),
    "Asterisk did not take the new {file}; the former configuration is in force again, see {log}": (
        "Asterisk no aceptó el nuevo {file}; la configuración anterior rige de nuevo, vea {log}"
    ),
    "a password has a control character or a space at its end; give another one": (
        "una contraseña tiene un carácter de control o un espacio al final; indique otra"
    ),
    "Asterisk does not run: {why}": "Asterisk no está en marcha: {why}",
    "Asterisk does not answer on AMI; see `pbx-control asterisk status`": (
        "Asterisk no responde por AMI; vea `pbx-control asterisk status`"
    ),
    "Asterisk's AMI does not take our password: start Asterisk anew, it has an old one": (
        "el AMI de Asterisk no acepta nuestra contraseña: reinicie Asterisk, tiene una antigua"
    ),
    "Asterisk's AMI is away; see `pbx-control asterisk status`": (
        "el AMI de Asterisk no está disponible; vea `pbx-control asterisk status`"
    ),
    "Asterisk does not list its {kind}: {why}": "Asterisk no da la lista de sus {kind}: {why}",
    "Asterisk does not answer {action} on AMI": "Asterisk no responde {action} por AMI",
    "Asterisk refused {action}: {why}": "Asterisk rechazó {action}: {why}",
    # --- the switch
    "not connected to Asterisk": "sin conexión con Asterisk",
    "the connection to Asterisk broke": "se cortó la conexión con Asterisk",
    "Asterisk does not answer on ARI: {why}; see `pbx-control asterisk status`": (
        "Asterisk no responde por ARI: {why}; vea `pbx-control asterisk status`"
    ),
    "Asterisk does not answer a request ({request})": "Asterisk no responde a una petición ({request})",
    "a daemon runs for {home} already: see `pbx-control status`": (
        "pbx-control ya está en marcha para {home}: vea `pbx-control status`"
    ),
    # --- the database
    (
        "[database] url is no database of ours: write postgresql+psycopg://user:password@host/name, or leave it "
        "empty for SQLite"
    ): (
        "[database] url no es una base de datos nuestra: escriba "
        "postgresql+psycopg://usuario:clave@servidor/nombre, o déjelo vacío para SQLite"
    ),
    # --- more of secretaries
    "there is no secretary {name}: did you mean {near}?": "no existe la secretaria {name}: ¿quiso decir {near}?",
    # --- doctor
    "ok": "bien",
    "warn": "ojo",
    "bad": "mal",
    "nothing is bad": "nada está mal",
    "to be mended: {count}": "por arreglar: {count}",
    "the variable {name} means nothing: is {close} meant?": "la variable {name} no significa nada: ¿será {close}?",
    "the variable {name} means nothing: remove it": "la variable {name} no significa nada: elimínela",
    "no mistyped variable of the environment": "ninguna variable de entorno mal escrita",
    "{file} can be read by others: chmod 600 {file}": "otros pueden leer {file}: chmod 600 {file}",
    "Asterisk needs the file {file}: {why}; mend [sip] in pbx.toml": (
        "Asterisk necesita el archivo {file}: {why}; corrija [sip] en pbx.toml"
    ),
    "Asterisk (user {uid}) cannot read {file}: see [sip] in pbx.toml": (
        "Asterisk (usuario {uid}) no puede leer {file}: vea [sip] en pbx.toml"
    ),
    "the settings in {file} make sense": "los ajustes de {file} tienen sentido",
    "the database ({kind}) answers and is up to date": "la base de datos ({kind}) responde y está al día",
    "the database is not up to date: run `pbx-control setup`": (
        "la base de datos no está al día: ejecute `pbx-control setup`"
    ),
    "Asterisk {version} answers ({runtime})": "Asterisk {version} responde ({runtime})",
    "Asterisk {version} is too old: 22.4, 21.9 or 20.14 is the oldest": (
        "Asterisk {version} es muy antiguo: sirve desde 22.4, 21.9 o 20.14"
    ),
    "Asterisk runs but does not answer: pbx-control asterisk stop, then start": (
        "Asterisk está en marcha pero no responde: pbx-control asterisk stop, luego start"
    ),
    "Asterisk listens on {begun}, not on {wanted} ({setting}): pbx-control setup, "
    "then restart it: pbx-control asterisk restart (all calls end)": (
        "Asterisk escucha en {begun}, no en {wanted} ({setting}): pbx-control setup, "
        "luego reinícielo: pbx-control asterisk restart (se cortan todas las llamadas)"
    ),
    "Asterisk does not run: pbx-control asterisk start": "Asterisk no está en marcha: pbx-control asterisk start",
    "looking up {name} is slow and stalls calls: add 127.0.0.1 {name} to /etc/hosts": (
        "resolver {name} es lento y frena las llamadas: agregue 127.0.0.1 {name} a /etc/hosts"
    ),
    "the daemon takes calls": "pbx-control atiende llamadas",
    "the daemon runs but takes no calls: see its log": (
        "pbx-control está en marcha pero no atiende llamadas: vea su registro"
    ),
    "the daemon does not run: pbx-control run; until then the dialplan keeps the service alone": (
        "pbx-control no está en marcha: pbx-control run; hasta entonces la central atiende sola"
    ),
    "{name} is paused: her telephone refused three calls in a row. Every 15 minutes one call is tried again."
    " When it takes calls, have it register anew, or run `secretary set {name} --available`": (
        "{name} está en pausa: su teléfono rechazó tres llamadas seguidas. Cada 15 minutos se prueba con una llamada."
        " Cuando las tome, haga que se registre de nuevo, o ejecute `secretary set {name} --available`"
    ),
    "only {room} are free on the disk of {folders}: make room, or what comes is lost": (
        "quedan solo {room} libres en el disco de {folders}: haga espacio, o se perderá lo que llegue"
    ),
    "{room} are free on the disk of {folders}: an hour of recordings takes 58 MB": (
        "quedan {room} libres en el disco de {folders}: una hora de grabaciones ocupa 58 MB"
    ),
    "{room} are free on the disk of {folders}": "hay {room} libres en el disco de {folders}",
    "{count} sounds are missing: run `pbx-control setup`": "faltan {count} audios: ejecute `pbx-control setup`",
    "all {count} sounds are there": "están los {count} audios",
    "the mail server {place} does not serve: {why}; see [mail] in pbx.toml": (
        "el servidor de correo {place} no sirve: {why}; vea [mail] en pbx.toml"
    ),
    "the mail server {place} answers": "el servidor de correo {place} responde",
    "letters come from {sender}, which servers refuse: set [mail] sender": (
        "los mensajes salen a nombre de {sender}, que otros servidores rechazan: ponga [mail] sender"
    ),
    "the mail server {place} takes no password: use its port for clients (587), or empty [mail] user": (
        "el servidor de correo {place} no acepta contraseña: use su puerto para clientes (587), o vacíe [mail] user"
    ),
    'the mail server {place} offers no STARTTLS: use its port for clients (587), [mail] tls = "tls" with port '
    '465, or "none" for a server on this machine': (
        'el servidor de correo {place} no ofrece STARTTLS: use su puerto para clientes (587), [mail] tls = "tls" con '
        'el puerto 465, o "none" si está en esta máquina'
    ),
    'letters go to {place} unencrypted, which offers STARTTLS: set [mail] tls = "starttls"': (
        'los mensajes van sin cifrar a {place}, que ofrece STARTTLS: ponga [mail] tls = "starttls"'
    ),
    "the mail server {place} takes letters of at most {size} kB: messages of more than {seconds} s go without "
    "their sound": (
        "el servidor de correo {place} recibe mensajes de a lo más {size} kB: los de voz de más de {seconds} s salen "
        "sin su grabación"
    ),
    "{address} gets no messages since {since} ({why}), given up: {count}; once it works: "
    "pbx-control message resend --to {address}": (
        "{address} no recibe mensajes desde {since} ({why}), abandonados: {count}; cuando funcione: "
        "pbx-control message resend --to {address}"
    ),
    "so do {count} more: pbx-control recipient list": "y otras {count} direcciones: pbx-control recipient list",
    "messages wait since {since} to be sent: pbx-control message list --undelivered": (
        "hay mensajes que esperan desde {since}: pbx-control message list --undelivered"
    ),
    "the contacts of {clients} cannot be called: none of their numbers is on a trunk with --host": (
        "no se puede llamar a los contactos de {clients}: ninguno de sus números está en una troncal con --host"
    ),
    "there are recipients by Telegram but no bot: set [telegram] token": (
        "hay destinatarios por Telegram pero no hay bot: defina [telegram] token"
    ),
    # --- the audit trail
    "who": "quién",
    "changes": "cambios",
    "admin": "administrador",
    "switch": "central",
    "client added": "cliente agregado",
    "client changed": "cliente modificado",
    "client suspended": "cliente suspendido",
    "client resumed": "cliente reanudado",
    "client cancelled": "cliente dado de baja",
    "secretary added": "secretaria agregada",
    "secretary changed": "secretaria modificada",
    "secretary removed": "secretaria retirada",
    "password reset": "contraseña renovada",
    "pause begun": "pausa iniciada",
    "pause ended": "pausa terminada",
    "trunk added": "troncal agregada",
    "trunk changed": "troncal modificada",
    "trunk removed": "troncal quitada",
    "number added": "número agregado",
    "number assigned": "número asignado",
    "number released": "número liberado",
    "number removed": "número quitado",
    "contact added": "contacto agregado",
    "contact removed": "contacto quitado",
    "recipient added": "destinatario agregado",
    "recipient removed": "destinatario quitado",
    "greeting changed": "saludo cambiado",
    "announcement changed": "anuncio cambiado",
    "announcement reset": "anuncio repuesto",
    "holiday added": "feriado agregado",
    "holiday removed": "feriado quitado",
    "caller marked": "llamante marcado",
    "caller unmarked": "llamante desmarcado",
    "plan added": "plan agregado",
    "plan changed": "plan modificado",
    "plan retired": "plan retirado",
    "plan assigned": "plan asignado",
    "bag sold": "bolsa vendida",
    "charge disputed": "cobro reclamado",
    "charge reversed": "cobro revertido",
    "charge upheld": "cobro confirmado",
    "call uncounted": "llamada sin cobro",
    "invoice issued": "documento emitido",
    "invoice credited": "documento acreditado",
    "call held": "llamada retenida",
    "call released": "llamada liberada",
    "clock believed": "reloj confirmado",
    "caller erased": "llamante borrado",
    "letters resent": "mensajes reenviados",
    "payment noted": "pago anotado",
    "welcome noted": "bienvenida anotada",
    "live noted": "puesta en servicio anotada",
    "node retired": "nodo retirado",
    # --- invoices
    "nothing is due for {slug} now": "nada que facturar a {slug} por ahora",
    "draft: nothing has been issued": "borrador: no se emitió nada",
    "-o FILE.pdf writes it": "-o ARCHIVO.pdf lo escribe",
    "{invoice} issued: {total} ({net} net), {file}": "{invoice} emitida: {total} ({net} neto), {file}",
    "{text} is no day: write it like 2026-11-01, 01/11/2026, today or yesterday": (
        "{text} no es una fecha: escríbala como 01/11/2026, 2026-11-01, hoy o ayer"
    ),
    "{text} is no month: write it like 2026-11": "{text} no es un mes: escríbalo como 2026-11 o 11/2026",
    "there is no invoice {number}: `pbx-control invoice list` shows them": (
        "no hay documento {number}: `pbx-control invoice list` los muestra"
    ),
    "{number} may be {several}: write one of these": "{number} puede ser {several}: escriba uno de estos",
    "no invoices can be issued while [billing] in pbx.toml has no issuer_rut: write it there, with issuer_name, "
    "issuer_business and issuer_address": (
        "no se puede facturar mientras [billing] en pbx.toml no tenga issuer_rut: escríbalo ahí, con issuer_name, "
        "issuer_business e issuer_address"
    ),
    "a factura for {slug} cannot be issued without {missing}: `pbx-control client set {slug} {first} …` completes it, "
    "`client set {slug} --invoice-as boleta` asks for boletas instead": (
        "no se puede emitir una factura a {slug} sin {missing}: `pbx-control client set {slug} {first} …` lo completa, "
        "`client set {slug} --invoice-as boleta` pide boletas"
    ),
    "{net} net cannot be credited: of the {kind} {number}, {left} net is left": (
        "no se pueden acreditar {net} netos: de la {kind} {number} quedan {left} netos"
    ),
    "the credit note {number} cannot be credited: a new invoice for what was credited wrongly corrects it": (
        "la nota de crédito {number} no se puede acreditar: la corrige un documento nuevo por lo mal acreditado"
    ),
    "the {kind} {number} has no line {place}: it has 1 to {count}": (
        "la {kind} {number} no tiene línea {place}: tiene de 1 a {count}"
    ),
    "line {place} of the {kind} {number} has been credited already": (
        "la línea {place} de la {kind} {number} ya fue acreditada"
    ),
    "the plan {plan} has no price for further numbers of {country}: make a plan that has one with `plan set NAME "
    "--did {country}=PRICE` and assign it, or release the number": (
        "el plan {plan} no tiene precio para números adicionales de {country}: haga un plan que lo tenga con `plan set "
        "NOMBRE --did {country}=PRECIO` y asígnelo, o libere el número"
    ),
    "the client {slug} has no plan: `pbx-control plan assign` gives it one": (
        "el cliente {slug} no tiene plan: `pbx-control plan assign` le da uno"
    ),
    "internal boleta": "boleta interna",
    "internal factura": "factura interna",
    "internal credit note": "nota de crédito interna",
    "invoice": "documento",
    "buyer": "a nombre de",
    "period": "período",
    "corrects": "corrige",
    "net": "neto",
    "net_left": "neto no acreditado",
    "vat": "IVA",
    "total": "total",
    "line": "línea",
    "quantity": "cantidad",
    "unit_price": "precio",
    "amount": "monto",
    # --- calendar jobs
    "the reports of missed calls of {clients} could not be made: the log says why; {sent} others were sent": (
        "los informes de llamadas perdidas de {clients} no se pudieron hacer: el registro dice por qué; se enviaron "
        "otros {sent}"
    ),
    "what": "qué",
    "when": "cuándo",
    "next": "próxima vez",
    "last": "última vez",
    "result": "resultado",
    "job": "tarea",
    "not yet": "aún no",
    "under way": "en curso",
    "failed": "falló",
    "done": "hecha",
    "there is no job {name}: there are {names}": "no existe la tarea {name}: existen {names}",
    "the job {name}: {result}": "la tarea {name}: {result}",
    "every {time}": "cada {time}",
    "erases who cancelled 90 days ago": "borra los datos de quien canceló hace 90 días",
    "copies database, settings and uploads; keeps the newest": (
        "respalda base de datos, ajustes y audios propios; conserva lo más nuevo"
    ),
    "deletes recordings whose time is over": "borra las grabaciones cuyo plazo venció",
    "compares recordings and rows": "compara grabaciones y registros",
    "checks the database, forgets old counts": "revisa la base de datos, olvida recuentos antiguos",
    "removes sounds that nobody needs": "elimina los audios que nadie necesita",
    "issues and sends what is due": "emite y envía lo que corresponde facturar",
    "reports missed calls to clients": "informa a los clientes de sus llamadas perdidas",
    "begins the clients' new months of calls": "inicia los nuevos meses de llamadas de los clientes",
    "notes the time: a clock that leaps deletes nothing": "anota la hora: un reloj que salta no borra nada",
    "warns before a disk is full": "avisa antes de que se llene un disco",
    "bytes in Asterisk's log: {count}": "bytes en el registro de Asterisk: {count}",
    "begins a new file of Asterisk's log, keeps the newest": (
        "inicia un archivo nuevo del registro de Asterisk; conserva los más nuevos"
    ),
    "warns of orders that are soon late": "avisa de los pedidos que están por atrasarse",
    "the database is damaged ({why}): stop the daemon and restore a backup with `pbx-control restore`": (
        "la base de datos está dañada ({why}): detenga pbx-control y restaure un respaldo con `pbx-control restore`"
    ),
    "{source} has tried {times} wrong passwords of telephones since yesterday: is it a telephone of yours with an old "
    "password? Else keep it out, at the firewall: pbx-control trunk refusals tells since when": (
        "{source} ha probado {times} contraseñas erradas de teléfonos desde ayer: ¿es un teléfono suyo con una "
        "contraseña antigua? Si no, bloquéelo en el cortafuegos: pbx-control trunk refusals dice desde cuándo"
    ),
    "{name}'s telephone forwards calls (302), last at {at}: she must switch the forward off": (
        "el teléfono de {name} está desviado (302), por última vez el {at}: debe quitar el desvío"
    ),
    "{source} has tried {times} wrong passwords of telephones since yesterday and is kept out until {until}: is it a "
    "telephone of yours with an old password?": (
        "{source} ha probado {times} contraseñas erradas de teléfonos desde ayer y no se le deja entrar hasta {until}: "
        "¿es un teléfono suyo con una contraseña antigua?"
    ),
    "nobody guesses passwords of telephones": "nadie intenta adivinar contraseñas de teléfonos",
    "the job {name} {result}; try again: pbx-control job run {name}": (
        "la tarea {name} {result}; intente de nuevo: pbx-control job run {name}"
    ),
    "the job {name} was due at {due} and did not run: start the daemon, or pbx-control job run {name}": (
        "la tarea {name} debía hacerse a las {due} y no se hizo: inicie pbx-control, o ejecute pbx-control job run "
        "{name}"
    ),
    "nobody is told by e-mail of what goes wrong: set [office] alarms_to in pbx.toml": (
        "nadie recibe por correo aviso de lo que falla: indique [office] alarms_to en pbx.toml"
    ),
    "no calendar job has failed": "ninguna tarea programada ha fallado",
    # --- backup and restore
    "copying the home": "respaldando la carpeta",
    "restoring the home": "restaurando la carpeta",
    "{file}: {count} files, {size}": "{file}: {count} archivos, {size}",
    "{count} files were left out: gone meanwhile, or links": (
        "quedaron fuera {count} archivos: borrados entretanto, o enlaces"
    ),
    "{kind} {first} to {last} were issued after this backup: their PDFs are here, and numbers go on after them": (
        "{kind} {first} a {last} se emitieron después de este respaldo: sus PDF están aquí, y la numeración sigue tras "
        "ellas"
    ),
    "there is no room for {file} in {folder}: unpacked it has over {size} MB, and {reserve} MB stay free for calls": (
        "no hay espacio para {file} en {folder}: desempaquetado ocupa más de {size} MB, y {reserve} MB quedan libres "
        "para las llamadas"
    ),
    "a backup holds at most {count} files: make it without --recordings": (
        "un respaldo contiene a lo más {count} archivos: hágalo sin --recordings"
    ),
    "{calls} calls would cost {cost}, more than an invoice may say: sell fewer, or give a --price": (
        "{calls} llamadas costarían {cost}, más de lo que cabe en una factura: venda menos, o indique --price"
    ),
    "no invoice: [billing] in pbx.toml is empty; fill it in this month, and the invoice is issued then": (
        "sin factura: [billing] en pbx.toml está vacío; si se completa este mes, se emite después"
    ),
    "nothing is known of {number}, which is no complete telephone number": (
        "nada se sabe de {number}, que no es un número de teléfono completo"
    ),
    "all that is left of {number} are calls under a legal hold: {calls}": (
        "de {number} solo quedan llamadas con retención legal: {calls}"
    ),
    "there is no folder {folder}: make it, or mount the disk, first": (
        "no existe la carpeta {folder}: créela, o monte el disco, primero"
    ),
    "--since {since} is after --until {until}: nothing lies between them": (
        "--since {since} es posterior a --until {until}: no hay nada entre ambos"
    ),
    "client {slug} has no plan: its calls are neither counted nor invoiced": (
        "el cliente {slug} no tiene plan: sus llamadas no se cuentan ni se facturan"
    ),
    "the home {home} is as it was at {time}": "la carpeta {home} está como el {time}",
    "what it replaced is in {folder}; remove that once all is well": (
        "lo reemplazado está en {folder}; elimínelo cuando todo esté bien"
    ),
    "the former tables are in the schema {schema} of the database": (
        "las tablas anteriores están en el esquema {schema} de la base de datos"
    ),
    "to this database the clock has leapt: confirm it by `pbx-control recording purge --clock-is-right`": (
        "para esta base de datos el reloj ha saltado: confírmelo con `pbx-control recording purge --clock-is-right`"
    ),
    "next: pbx-control setup, then start Asterisk and the daemon": (
        "ahora: pbx-control setup, y después inicie Asterisk y pbx-control run"
    ),
    "{file} is there already: name another file": "{file} ya existe: indique otro archivo",
    "{file} is no backup of ours: it holds {name}": "{file} no es un respaldo nuestro: contiene {name}",
    "{file} is no backup of ours: it has no manifest": "{file} no es un respaldo nuestro: no tiene manifiesto",
    "{file} is no backup, or damaged: {why}": "{file} no es un respaldo, o está dañado: {why}",
    "{file} is of another format: restore it with the version that made it": (
        "{file} tiene otro formato: restáurelo con la versión que lo hizo"
    ),
    "this backup was made by version {version}, with a newer schema: install that version first": (
        "este respaldo lo hizo la versión {version}, con un esquema más nuevo: instale antes esa versión"
    ),
    "Asterisk runs in this home: stop it first with `pbx-control asterisk stop`": (
        "Asterisk está en marcha en esta carpeta: deténgalo antes con `pbx-control asterisk stop`"
    ),
    "the backup holds a database of {kind}, but [database] url in its settings, or in the environment, says {url}: set "
    "PBX_DATABASE__URL to where it shall be restored": (
        "el respaldo contiene una base de datos de {kind}, pero [database] url en sus ajustes, o en el entorno, dice "
        "{url}: defina PBX_DATABASE__URL con el lugar donde se ha de restaurar"
    ),
    "{file} leads out of the home: remove that link first": "{file} sale de la carpeta: elimine antes ese enlace",
    "the database cannot be copied: {why}; see that its disk has room": (
        "no se puede copiar la base de datos: {why}; vea que su disco tenga espacio"
    ),
    "the copy of the database is damaged: {why}": "la copia de la base de datos está dañada: {why}",
    "{count} others are connected to the database: stop every daemon and program that uses it first": (
        "hay otros {count} conectados a la base de datos: detenga antes pbx-control y todo programa que la use"
    ),
    "{program} is not installed: PostgreSQL's own programs copy and restore it; apt-get install postgresql-client": (
        "{program} no está instalado: la copian y restauran los programas de PostgreSQL; apt-get install "
        "postgresql-client"
    ),
    "{program} failed: {why}": "{program} falló: {why}",
    # plans, bags, the ledger
    "bought_at": "comprada",
    "left": "quedan",
    "price": "precio",
    "extra_call": "llamada extra",
    "calendars": "agendas",
    "discounts": "descuentos",
    "dids": "números extra",
    "entry_id": "asiento",
    "call_id": "llamada",
    "settled_at": "resuelto",
    "answer": "respuesta",
    "units": "unidades",
    "from": "de",
    "opening": "saldo inicial",
    "closing": "saldo final",
    "period_left": "quedan del mes",
    "bags_left": "quedan en bolsas",
    "reserved": "reservadas",
    "used": "usadas",
    "runs_out": "se acaban",
    "retired": "retirado",
    "not in this month": "no en este mes",
    "disputed: {why}": "objetado: {why}",
    "months_ahead": "meses por pago",
    "calls_left": "llamadas que quedan",
    "grant": "llamadas del mes",
    "expiry": "no usadas",
    "charge": "llamada",
    "repeat": "llamada repetida",
    "not charged: the caller called again at once after {call} ({seconds})": (
        "no se descuenta: quien llama volvió a llamar enseguida tras {call} ({seconds})"
    ),
    "reversal": "anulación",
    "bag": "bolsa",
    "change": "cambio de plan",
    "{slug} has {calls} calls more, for {price} net; left altogether: {left}": (
        "{slug} tiene {calls} llamadas más, por {price} neto; en total le quedan: {left}"
    ),
    "the client {slug} has no plan: `plan assign {slug} PLAN` gives it one": (
        "el cliente {slug} no tiene plan: `plan assign {slug} PLAN` le da uno"
    ),
    "call {call} is not charged": "la llamada {call} no se cobra",
    "entry {entry} is disputed: `ledger reverse {entry}` or `ledger uphold {entry}` settles it": (
        "el asiento {entry} queda objetado: `ledger reverse {entry}` o `ledger uphold {entry}` lo resuelve"
    ),
    "entry {entry} is taken back": "el asiento {entry} queda anulado",
    "the charge of entry {entry} stays": "el cobro del asiento {entry} se mantiene",
    "plan {name} added": "plan {name} agregado",
    "plan {name} is as you say": "el plan {name} queda como usted dice",
    "plan {name} is no longer on offer": "el plan {name} ya no se ofrece",
    "{slug} has the plan {name}: {left} calls are left": "{slug} tiene el plan {name}: quedan {left} llamadas",
    "issued: {invoice}, {total}": "emitida: {invoice}, {total}",
    "{option} {pair} makes no sense: write it like 6=10": "{option} {pair} no tiene sentido: escríbalo como 6=10",
    "--discount {pair} makes no sense: MONTHS is 3, 6 or 12, PERCENT at most 100, as in 6=10": (
        "--discount {pair} no tiene sentido: MESES es 3, 6 o 12, PORCENTAJE a lo más 100, como en 6=10"
    ),
    "--did {pair} makes no sense: COUNTRY has two letters, PESOS is a price, as in CL=4000": (
        "--did {pair} no tiene sentido: PAÍS son dos letras, PESOS es un precio, como en CL=4000"
    ),
    "entry {id} has been reversed already: `ledger show` has the counter-entry": (
        "el asiento {id} ya fue anulado: `ledger show` tiene el contraasiento"
    ),
    "nothing was charged for the call {call}: `call show` tells its story": (
        "por la llamada {call} no se cobró nada: `call show` cuenta su historia"
    ),
    "entry {id} is disputed already: `ledger disputes` shows all": (
        "el asiento {id} ya está objetado: `ledger disputes` los muestra todos"
    ),
    "no open dispute is about entry {id}: `ledger disputes` shows them": (
        "ninguna objeción abierta trata del asiento {id}: `ledger disputes` las muestra"
    ),
    "there is no entry {id} in any ledger: `ledger show CLIENT` lists them": (
        "no hay ningún asiento {id}: `ledger show CLIENTE` los muestra"
    ),
    "entry {id} charges no call: only charges are disputed and reversed": (
        "el asiento {id} no cobra una llamada: solo los cobros se objetan y se anulan"
    ),
    "the plan {name} is retired already: nothing to do": "el plan {name} ya no se ofrece: no hay nada que hacer",
    "the client has the plan {name} already: nothing to do": "el cliente ya tiene el plan {name}: nada que hacer",
    "{months} months cannot be paid ahead: choose 1, 3, 6 or 12": (
        "no se pueden pagar {months} meses por adelantado: elija 1, 3, 6 o 12"
    ),
    "the client's months have their day already: it stays, so that no period is cut short": (
        "los meses del cliente ya tienen su día: se mantiene, para que ningún período quede cortado"
    ),
    "the plan {name} is retired: `plan list` shows those on offer": (
        "el plan {name} ya no se ofrece: `plan list` muestra los que sí"
    ),
    "the plan {name} was made to measure for another client": "el plan {name} se hizo a medida para otro cliente",
    "clients have the plan {name} on its terms: `plan retire {name}` and set another name for the new ones": (
        "hay clientes con el plan {name} en esas condiciones: `plan retire {name}` y otro nombre para las nuevas"
    ),
    "there is no plan {name}: `plan list` shows all": "no hay ningún plan {name}: `plan list` los muestra todos",
    # the demo's plan
    "Taller Sur has a plan of one call a month: its last call, and what comes after it": (
        "Taller Sur tiene un plan de una llamada al mes: la última, y lo que viene después"
    ),
    "the boleta came with the plan, as a PDF": "la boleta llegó con el plan, en PDF",
    "it was the last one: Taller Sur is offered bags, and gets the message about the call": (
        "era la última: a Taller Sur se le ofrecen bolsas, y recibe el mensaje de la llamada"
    ),
    "the offer names its own price of a call": "la oferta dice su propio precio por llamada",
    "at 18:15 each day the client gets what it missed; here somebody asks for it now": (
        "cada día a las 18:15 el cliente recibe lo que perdió; aquí alguien lo pide ahora"
    ),
    "the report has his number, as a table and as CSV": "el informe tiene su número, en una tabla y en CSV",
    "{left} calls of the bag are left": "quedan {left} llamadas de la bolsa",
    "{number} cannot be told from other words in texts: erase calls by a number of {digits} digits or more": (
        "{number} no se distingue de otras palabras en los textos: borre por un número de {digits} dígitos o más"
    ),
    # --- what came of calendar jobs
    "failed: {why}": "falló: {why}",
    "{fault}: {why}": "{fault}: {why}",
    "{file}: {why}": "{file}: {why}",
    "{client}: {why}": "{client}: {why}",
    "{what}: {count}": "{what}: {count}",
    "{counts}": "{counts}",
    "{disks}": "{disks}",
    "begun again": "comenzada de nuevo",
    "not finished; a later run has done its work": "no terminó; otra posterior hizo su trabajo",
    "not finished, twice: the daemon died both times": "no terminó dos veces: el servicio se cayó ambas veces",
    "nothing to make up": "nada que recuperar",
    "broken off": "se interrumpió",
    "its process ended with status {status}": "su proceso terminó con estado {status}",
    "{file}: files: {files}, bytes: {size}; old ones removed: {removed}": (
        "{file}: archivos: {files}, bytes: {size}; antiguos eliminados: {removed}"
    ),
    "nothing looked at: the clock is in doubt ({trust}, last believed {seen} UTC); if it is right: "
    "pbx-control recording purge --clock-is-right": (
        "no se revisó nada: el reloj es dudoso ({trust}; última hora creíble: {seen} UTC); si está bien: "
        "pbx-control recording purge --clock-is-right"
    ),
    "files deleted: {deleted} ({freed} bytes)": "archivos borrados: {deleted} ({freed} bytes)",
    "{deleted}; held: {held}": "{deleted}; retenidos: {held}",
    "{line}; not deleted: {failures}: {files}": "{line}; sin borrar: {failures}: {files}",
    "files and rows agree": "los archivos y los registros coinciden",
    "files without a call": "archivos sin llamada",
    "calls without their file": "llamadas sin su archivo",
    "odd files": "archivos extraños",
    "calls without an end": "llamadas sin fin conocido",
    "empty files": "archivos vacíos",
    "recordings or messages cut short": "grabaciones o mensajes cortados",
    "accounts are not the sum of their ledger: of clients {clients}; {tended}": (
        "hay cuentas que no son la suma de su libro: de los clientes {clients}; {tended}"
    ),
    "sounds removed: {count}": "sonidos eliminados: {count}",
    "issued: {count}": "emitidos: {count}",
    "issued: {count}; refused: {refused}: {each}": "emitidos: {count}; rechazados: {refused}: {each}",
    "months begun: {begun}; calls kept back for nothing: {returned}": (
        "meses comenzados: {begun}; llamadas reservadas en vano: {returned}"
    ),
    "the clock: {trust}": "el reloj: {trust}",
    "trusted": "de confianza",
    "went_back": "retrocedió",
    "leapt_ahead": "se adelantó",
    "{room} free on the disk of {folders}": "{room} libres en el disco de {folders}",
    "nothing erased: the clock is not to be trusted": "no se borró nada: el reloj no es de confianza",
    "nothing to erase": "nada que borrar",
    "erased: {each}": "borrados: {each}",
    "greetings": "saludos",
    "announcements": "anuncios",
    "marks of callers": "marcas de números",
    "letters": "mensajes",
    "callers": "números de quienes llamaron",
    "reports": "informes",
    "reports of missed calls: {sent}": "informes de llamadas perdidas: {sent}",
    "deadlines late or soon late: {count}": "plazos vencidos o por vencer: {count}",
    "deadlines late or soon late: {count}, nobody to tell ([office] alarms_to)": (
        "plazos vencidos o por vencer: {count}; no hay a quién avisar ([office] alarms_to)"
    ),
    "statistics renewed": "estadísticas renovadas",
    "sound, statistics renewed, log emptied": "sana, estadísticas renovadas, bitácora vaciada",
    "sound, statistics renewed, log in use, copied only": (
        "sana, estadísticas renovadas, bitácora en uso: solo se copió"
    ),
    "{tended}; forgotten: counts of refusals: {refused}, runs of jobs: {runs}": (
        "{tended}; olvidados: conteos de rechazos: {refused}, ejecuciones de tareas: {runs}"
    ),
    # --- why a letter was not delivered
    "sent twice without an answer, so it may have arrived: {why}": (
        "se envió dos veces sin respuesta, así que pudo llegar: {why}"
    ),
    # --- what is told of one (plurals.py)
    "{slug} has the plan {name}: {left} call is left": "{slug} tiene el plan {name}: queda {left} llamada",
    "{left} call of the bag is left": "queda {left} llamada de la bolsa",
    "{slug} has {calls} call more, for {price} net; left altogether: {left}": (
        "{slug} tiene {calls} llamada más, por {price} neto; en total le quedan: {left}"
    ),
    "{calls} call would cost {cost}, more than an invoice may say: give a --price": (
        "{calls} llamada costaría {cost}, más de lo que cabe en una factura: indique --price"
    ),
    "Asterisk {version} ({runtime}, process {pid}) has run for {time} and has {channels} channel": (
        "Asterisk {version} ({runtime}, proceso {pid}) está en marcha desde hace {time} y tiene {channels} canal"
    ),
    "the plan {plan} has room for {limit} contact and the client has {count}: remove one, or assign a larger plan": (
        "el plan {plan} permite {limit} contacto y el cliente tiene {count}: quite uno, o asigne un plan mayor"
    ),
    "soon late: a minute left": "por vencer: queda un minuto",
    "a minute left": "queda un minuto",
    "{name} is the only trunk, and {count} number comes in by any: add another or `did remove` it first": (
        "{name} es la única troncal y {count} número entra por cualquiera: "
        "agregue otra troncal o retírelo antes con `did remove`"
    ),
    "{count} number comes in by the trunk {name}: `did remove` it first": (
        "{count} número entra por la troncal {name}: retírelo antes con `did remove`"
    ),
    "{looked} file looked at, {deleted} deleted": "{looked} archivo revisado, {deleted} borrados",
    "{count} file could not be deleted: see to its rights, or to links": (
        "{count} archivo no se pudo borrar: revise sus permisos, o si hay enlaces"
    ),
    "erase {count} call's recordings, and number and name of {number}, for ever?": (
        "¿borrar para siempre las grabaciones de {count} llamada, y el número y el nombre de {number}?"
    ),
    "{count} fact is not as it should be ({seconds} s)": "{count} hecho no es como debía ({seconds} s)",
    "{count} sound is missing: run `pbx-control setup`": "falta {count} audio: ejecute `pbx-control setup`",
    "the reports of missed calls of {clients} could not be made: the log says why; {sent} other was sent": (
        "los informes de llamadas perdidas de {clients} no se pudieron hacer: el registro dice por qué; se envió otro: "
        "{sent}"
    ),
    "{file}: {count} file, {size}": "{file}: {count} archivo, {size}",
    "{count} file was left out: gone meanwhile, or a link": "quedó fuera {count} archivo: borrado entretanto, o enlace",
    "{count} other is connected to the database: stop every daemon and program that uses it first": (
        "hay otro conectado a la base de datos ({count}): detenga antes pbx-control y todo programa que la use"
    ),
    # nodes
    "another daemon runs as node {node}, on {place}: give this home a name of its own, [node] name in {file}": (
        "otra instalación funciona como nodo {node}, en {place}: dé a esta un nombre propio, [node] name en {file}"
    ),
    "there is no node {node}: `pbx-control node list` shows them": (
        "no hay ningún nodo {node}: vea cuáles hay con `pbx-control node list`"
    ),
    "the node {node} is alive ({place}): stop its daemon, or wait until it has been silent for {seconds} s": (
        "el nodo {node} está vivo ({place}): detenga allí pbx-control, o espere hasta que calle por {seconds} s"
    ),
    "must be small letters, digits and hyphens, for example central-2, at most 19": (
        "deben ser letras minúsculas, cifras y guiones, por ejemplo central-2, a lo más 19"
    ),
    "settle what is left of the node {node}? Its recordings are out of reach": (
        "¿dar por terminado lo que queda del nodo {node}? Sus grabaciones ya no están al alcance"
    ),
    "the node {node} is retired; calls settled: {calls}, of its switch alone: {others}": (
        "el nodo {node} queda retirado; llamadas terminadas: {calls}, de su central sola: {others}"
    ),
    "the node {node} has given no sign of life since {seen} (live calls: {calls}): start its daemon; if it "
    "is gone for good: pbx-control node retire {node}": (
        "el nodo {node} no da señales de vida desde {seen} (llamadas en curso: {calls}): inicie allí pbx-control; si "
        "ya no existe: pbx-control node retire {node}"
    ),
    "all that is left of {number} lies on the node {node}: erase it there": (
        "todo lo que queda de {number} está en el nodo {node}: bórrelo allí"
    ),
    "the node {node} has recordings of this caller, too: run the same command there": (
        "el nodo {node} también tiene grabaciones de quien llamó: ejecute allí el mismo comando"
    ),
    "alive": "vivo",
    "stopped": "detenido",
    "node": "nodo",
    "seen": "visto",
    "place": "lugar",
}
